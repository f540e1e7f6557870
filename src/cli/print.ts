/** Takes text; false when nobody reads on. */
export type Print = (text: string) => Promise<boolean>;

export function printToStdout(text: string): Promise<boolean> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      if (!error) {
        stdout.off('error', settle);
        resolve(true);
      } else if ('code' in error && error.code === 'EPIPE') {
        // Who reads has seen enough, as `head` does. The listener stays: the event comes after the callback.
        resolve(false);
      } else reject(error);
    };
    stdout.on('error', settle);
    stdout.write(text, settle);
  });
}
