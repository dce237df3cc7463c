/** A cell or value that is digits and nothing else; null for all others. Beyond 2^53 it is rounded, as doubles are. */
export function wholeNumber(text: string): number | null {
  const { length } = text;
  if (length === 0 || length > DIGITS_MAX) return null;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return value;
}

/** of 2^64 */
const DIGITS_MAX = 20;
