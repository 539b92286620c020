/** What to say of a command line that cannot be read. @param flags those that there are */
export function explainUnknown(error: Error, command: string, flags: readonly string[]): string {
  const known = flags
    .filter((name) => name !== "help")
    .map((name) => `--${name}`)
    .join(", ");
  const which = command === "" ? "socket-supervisor" : `socket-supervisor ${command}`;
  return `${error.message}\nOptions: ${known}\nTry: ${which} --help`;
}
