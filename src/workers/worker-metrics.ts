interface Family {
  /** `# HELP` and `# TYPE`. */
  readonly head: string[];
  readonly samples: string[];
}

/**
 * The metrics of several workers as one text for Prometheus: each sample with the label `worker`, and those of one name
 * together, as its format wants it. Nothing is added up: sums of gauges and of ages would say nothing.
 */
export function mergeMetrics(texts: ReadonlyMap<number, string>): string {
  const families = new Map<string, Family>();
  for (const [number, text] of texts) {
    let family: Family = { head: [], samples: [] };
    for (const line of text.split('\n')) {
      const [, kind, name = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind !== undefined) {
        family = families.get(name) ?? { head: [], samples: [] };
        families.set(name, family);
        if (!family.head.some((known) => known.startsWith(`# ${kind} `))) family.head.push(line);
      } else if (line !== '') family.samples.push(labelled(line, number));
    }
  }
  return [...families.values()]
    .map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`)
    .join('\n');
}

/** `name 1` or `name{a="b"} 1`. */
function labelled(sample: string, number: number): string {
  const [name = ''] = /^[^{\s]+/.exec(sample) ?? [];
  const label = `worker="${number}"`;
  const rest = sample.slice(name.length);
  return rest.startsWith('{') && !rest.startsWith('{}')
    ? `${name}{${label},${rest.slice(1)}`
    : `${name}{${label}}${rest.replace(/^\{\}/, '')}`;
}
