/**
 * Whether a Common Name is an operator's: each pattern is the exact name, or has one `*` that stands for any characters.
 *
 * @throws Error for a pattern with more than one `*`, or one that would match every name
 */
export function operatorMatcher(patterns: readonly string[]): (cn: string) => boolean {
  const tests = patterns.map(patternTest);
  return (cn) => tests.some((test) => test(cn));
}

function patternTest(pattern: string): (cn: string) => boolean {
  const [head = "", tail, ...rest] = pattern.split("*");
  if (rest.length > 0) throw new Error(`"${pattern}" has more than one *`);
  if (tail === undefined) return (cn) => cn === head;
  if (head === "" && tail === "") throw new Error(`"*" would make an operator of every certificate`);
  return (cn) => cn.length >= head.length + tail.length && cn.startsWith(head) && cn.endsWith(tail);
}
