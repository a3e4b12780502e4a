import { connect } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";

// An agent that reads its answer and asks again while the server's thread still works on something else. A thread of its
// own, since the server's is held meanwhile.
const { port, trust, request, again } = workerData;
const socket = connect({ ...trust, port, host: "127.0.0.1", servername: "localhost", ALPNProtocols: ["http/1.1"] });
socket.on("error", () => undefined);
socket.once("secureConnect", () => socket.write(request));
socket.once("data", () => {
  socket.write(request, () => {
    Atomics.store(again, 0, 1);
    Atomics.notify(again, 0);
  });
});
parentPort.once("message", () => socket.destroy());
