const REMEDIES = {
  url: 'that is a URL, and only paths can be used: there is no S3 or other object store yet; name a folder of a disk, or of a share on which hard links work',
  home: 'only a shell makes a home directory of ~, and only where it begins a word: write the path in full, as $HOME/… (or ./~… if it is called so)',
} as const;

/**
 * Why a text is not taken for a path of this machine; undefined when it is. As a path it would be a good one: `s3:` below where the process
 * was started, full of what its owner believes to be in S3.
 */
export function objectToPath(text: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return REMEDIES.url;
  return text.startsWith('~') ? REMEDIES.home : undefined;
}
