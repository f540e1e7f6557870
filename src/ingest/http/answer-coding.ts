export type AnswerCoding = 'gzip' | 'deflate';

/** In what an answer with a body may be packed for a client that sent this `Accept-Encoding`. */
export function acceptedCoding(header: string | string[] | undefined): AnswerCoding | undefined {
  if (typeof header !== 'string') return undefined;
  const codings = header.toLowerCase().split(',');
  const accepts = (name: string): boolean =>
    codings.some((coding) => {
      const [named = '', weight = ''] = coding.split(';');
      return named.trim() === name && !/q=0(?:\.0*)?$/.test(weight.trim());
    });
  if (accepts('gzip')) return 'gzip';
  return accepts('deflate') ? 'deflate' : undefined;
}
