import { nearestName } from "../option-names.js";
import { CliError } from "./client.js";

/**
 * What a command line that `parseArgs()` refuses is answered with.
 *
 * @param flags all that there are
 * @param help the command that tells of them
 */
export function parseError(error: unknown, flags: object, help: string): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const [, name] = /'--([^' =]+)/.exec(message) ?? [];
  if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION" || name === undefined) {
    return new CliError(`${message}\nTry: ${help}`);
  }
  const nearest = nearestName(name, Object.keys(flags));
  const meant = nearest === undefined ? "" : ` Did you mean --${nearest}?`;
  return new CliError(`There is no option --${name}.${meant}\nTry: ${help}`);
}
