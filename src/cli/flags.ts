import { nearestName } from "../options/nearest-name.js";

/** What to say of a command line that cannot be read. @param flags those that there are */
export function explainUnknown(error: Error, command: string, flags: readonly string[]): string {
  const which = command === "" ? "socket-supervisor" : `socket-supervisor ${command}`;
  const known = flags
    .filter((name) => name !== "help")
    .map((name) => `--${name}`)
    .join(", ");
  const { code, message } = error as NodeJS.ErrnoException;
  const [, name] = /'--([^' =]+)/.exec(message) ?? [];
  let what = message;
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION" && name !== undefined) {
    const nearest = nearestName(name, flags);
    const meant = nearest === undefined ? "" : ` Did you mean --${nearest}?`;
    what = `There is no option --${name}.${meant}`;
  }
  return `${what}\nOptions: ${known}\nTry: ${which} --help`;
}
