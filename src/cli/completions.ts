import { CliError } from "./client.js";
import { FLAGS } from "./load-flags.js";

/** What each command takes, for the shells. */
export const FLAGS_OF: Readonly<Record<string, readonly string[]>> = {
  start: ["workers", "watch", "name", "status-port", "log-prefix", "import", "config"],
  list: ["json", "names"],
  status: ["json", "watch", "name", "socket"],
  reload: ["name", "socket"],
  scale: ["name", "socket"],
  inspect: ["close", "name", "socket"],
  stop: ["name", "socket"],
  load: Object.keys(FLAGS).filter((name) => name !== "help"),
  completions: [],
  help: [],
};

const SHELLS = { bash, zsh, fish } as const;

/** @throws CliError for a shell that is not known */
export function completions(shell: string): string {
  if (Object.hasOwn(SHELLS, shell)) return SHELLS[shell as keyof typeof SHELLS]();
  throw new CliError(`completions needs a shell: ${Object.keys(SHELLS).join(", ")}`);
}

const COMMANDS = Object.keys(FLAGS_OF).join(" ");

const cases = Object.entries(FLAGS_OF)
  .map(([name, flags]) => `    ${name}) flags="${flags.map((flag) => `--${flag}`).join(" ")}" ;;`)
  .join("\n");

function bash(): string {
  return `_socket_supervisor() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" flags=""
  if [ "$previous" = "--name" ]; then
    COMPREPLY=($(compgen -W "$(socket-supervisor list --names 2>/dev/null)" -- "$word"))
    return
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${COMMANDS} --version --help" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$flags --help" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _socket_supervisor socket-supervisor
`;
}

function zsh(): string {
  return `autoload -U +X bashcompinit && bashcompinit
${bash()}`;
}

function fish(): string {
  const name = "complete -c socket-supervisor";
  const commands = Object.keys(FLAGS_OF).map(
    (command) => `${name} -n __fish_use_subcommand -f -a ${command}`,
  );
  const flags = Object.entries(FLAGS_OF).flatMap(([command, all]) =>
    all.map((flag) => {
      const values = flag === "name" ? ' -x -a "(socket-supervisor list --names 2>/dev/null)"' : "";
      return `${name} -n "__fish_seen_subcommand_from ${command}" -l ${flag}${values}`;
    }),
  );
  return `${[...commands, ...flags].join("\n")}\n`;
}
