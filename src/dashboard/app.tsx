import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { queries, transport } from "./api.js";
import { LiveFleetProvider } from "./live-fleet.js";
import { usePlace } from "./router.js";
import { Shell } from "./shell/shell.js";
import { DispatchView } from "./views/dispatch.js";
import { EnqueueView } from "./views/enqueue.js";
import { HostView } from "./views/host.js";
import { HostsView } from "./views/hosts.js";
import { LiveView } from "./views/live.js";
import { NowView } from "./views/now.js";
import { Nowhere } from "./views/nowhere.js";
import { RolloutView } from "./views/rollout.js";
import { RolloutsView } from "./views/rollouts.js";

export function App() {
  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queries}>
        <LiveFleetProvider>
          <Shell>
            <View />
          </Shell>
        </LiveFleetProvider>
      </QueryClientProvider>
    </TransportProvider>
  );
}

function View() {
  const { path } = usePlace();
  const [view = "now", first, second, ...rest] = path;
  if (rest.length > 0) return <Nowhere />;
  if (view === "dispatches" && first !== undefined && second !== undefined) {
    return <DispatchView key={`${first} ${second}`} hostname={first} rolloutId={second} />;
  }
  if (second !== undefined) return <Nowhere />;
  if (view === "rollouts")
    return first === undefined ? <RolloutsView /> : <RolloutView key={first} rolloutId={first} />;
  if (view === "hosts") return first === undefined ? <HostsView /> : <HostView key={first} hostname={first} />;
  if (first !== undefined) return <Nowhere />;
  if (view === "now") return <NowView />;
  if (view === "live") return <LiveView />;
  if (view === "enqueue") return <EnqueueView />;
  return <Nowhere />;
}
