/** What a promotion tells on its way; with --json as it is (docs/JSON.md). */
export type PromoteEvent =
  | {
      readonly event: 'checked';
      /** As the proxies reach it. */
      readonly target: string;
      /** The moment that is gone back to; null: none. */
      readonly asOf: string | null;
      readonly standby: {
        readonly address: string;
        /** As the standby reaches it. */
        readonly target: string;
        readonly promotion: string;
        readonly lagSeconds: number;
        readonly lagRecords: number;
      };
      readonly proxies: readonly {
        readonly address: string;
        readonly primary: string;
        readonly held: boolean;
        readonly switched: boolean;
        /** Records that it has received since that moment. */
        readonly later: number;
      }[];
      readonly warnings: readonly string[];
      readonly problems: readonly string[];
    }
  /** `storedTo`: what the proxy received by then the primary surely stores, with a minute to spare; null: it doesn't say. */
  | {
      readonly event: 'held';
      readonly proxy: string;
      readonly primary: string;
      readonly storedTo: string | null;
    }
  /** Of these lanes so many records are undone: they were received after the moment, and before the hold. */
  | {
      readonly event: 'undoing';
      readonly fork: string;
      readonly asOf: string;
      readonly lanes: number;
      readonly records: number;
    }
  /** Not surely stored yet of what the proxies had; `sent`: the new primary has answered for all that it is to contain, also of other proxies. */
  | {
      readonly event: 'draining';
      readonly lanes: number;
      readonly records: number;
      readonly sent: boolean;
    }
  /** The last record that may have been sent to the old primary, or that was received by the moment that is gone back to, and the last that the new one contains, of the lane being written. */
  | {
      readonly event: 'drained';
      readonly proxy: string;
      readonly asOf: string | null;
      readonly lane: string | null;
      readonly held: number;
      readonly contains: number;
      /** Records up to `held` that the new primary gets from the proxy's log. */
      readonly fromLog: number;
    }
  | { readonly event: 'switched'; readonly proxy: string; readonly heldSeconds: number }
  | { readonly event: 'released'; readonly proxy: string }
  | { readonly event: 'live'; readonly proxy: string }
  | { readonly event: 'trouble'; readonly reason: string }
  | {
      readonly event: 'done';
      readonly target: string;
      readonly standby: string;
      /** What was held by this run. */
      readonly before: {
        readonly primaries: readonly string[];
        /** What any of the proxies received by then it surely stores; null: with more than one, or where others were switched by an earlier run. */
        readonly storedTo: string | null;
        /** It has what was undone. */
        readonly undone: boolean;
      };
    };
