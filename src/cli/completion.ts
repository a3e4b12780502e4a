import { Argument, Command } from "commander";
import { bashScript } from "./completion/bash.js";
import { fishScript } from "./completion/fish.js";
import { commandTree } from "./completion/tree.js";
import { zshScript } from "./completion/zsh.js";
import { addManual } from "./help.js";
import type { Io } from "./io.js";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const shells = ["bash", "zsh", "fish"] as const satisfies readonly (keyof typeof scripts)[];

/** `completion`: what a shell needs to complete this program's command lines. */
export function completionCommand(io: Io): Command {
  const command = new Command("completion")
    .summary("print what your shell needs to complete command lines")
    .description(
      "Print a script with which a shell completes commands, options, files and fixed words. It asks no server.\n" +
        "Make it anew after an update of the program.",
    )
    .addArgument(new Argument("<SHELL>", "Which shell it is for.").choices(shells))
    .action((shell: (typeof shells)[number]) => {
      io.stdout.write(scripts[shell](commandTree(rootOf(command))));
    });
  return addManual(command, {
    examples: [
      {
        purpose: "bash: for this shell; put it into ~/.bashrc to keep it",
        line: "source <(nixfleet-dispatch completion bash)",
      },
      {
        purpose: "zsh: into a folder that is in $fpath",
        line: "mkdir -p ~/.zfunc && nixfleet-dispatch completion zsh > ~/.zfunc/_nixfleet-dispatch",
      },
      {
        purpose: "fish",
        line: "mkdir -p ~/.config/fish/completions && nixfleet-dispatch completion fish > ~/.config/fish/completions/nixfleet-dispatch.fish",
      },
    ],
    exits: ["ok", "usage"],
  });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
