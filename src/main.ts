#!/usr/bin/env node
import { exitNameOf, exitTable, systemCode } from "./cli/exit.js";
import { processIo } from "./cli/io.js";
import { printError } from "./cli/output.js";
import { run } from "./cli/program.js";

const io = processIo();

// `nixfleet-dispatch … | head` closes the pipe early: nobody is left to tell anything, and nothing is wrong.
process.stdout.on("error", (error) =>
  process.exit(systemCode(error) === "EPIPE" ? exitTable.ok.code : exitTable.failure.code),
);
process.stderr.on("error", () => {});

process.on("uncaughtException", (error) => {
  printError(io, error);
  process.exit(exitTable[exitNameOf(error)].code);
});

process.exitCode = await run(process.argv.slice(2), io);
