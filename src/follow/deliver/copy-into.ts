/** The longer array, which begins with what the other holds. */
export function copyInto<A extends Uint32Array | Float64Array | Uint8Array>(grown: A, from: A): A {
  grown.set(from);
  return grown;
}
