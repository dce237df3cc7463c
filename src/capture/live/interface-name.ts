/**
 * What may be called a network interface here. The kernel allows more; names go into argv, paths and subjects, so
 * they begin with a letter, digit or underscore, and hold nothing that a shell, a path or an option could mistake.
 */
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/;

export function isInterfaceName(text: string): boolean {
  return INTERFACE_NAME.test(text);
}
