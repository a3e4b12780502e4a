// What every server of the bench answers of itself.

/** @param parked how many polls wait now */
export function selfReport({ port, parked }) {
  return {
    port: () => port,
    parked,
    /** Microseconds of CPU of the whole process since it has started. */
    cpuMicros: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    /** Bytes that the process holds once what is garbage is gone. */
    residentBytes: async () => {
      for (let i = 0; i < 3; i++) {
        global.gc();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return process.memoryUsage().rss;
    },
  };
}

export function optionsOf(argv) {
  return JSON.parse(argv[2] ?? "{}");
}

/** Listens on a free port of loopback, or on this one. */
export async function listen(server, port = 0) {
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, backlog: 4_096 }, resolve);
  });
  return server.address().port;
}
