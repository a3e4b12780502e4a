import { describe, expectTypeOf, test } from "vitest";
import {
  type AgentOptions,
  type Dispatch,
  dispatches,
  handle,
  type LeasedAgentOptions,
  type LeasedDispatch,
  plainDispatches,
} from "../../src/agent/index.js";

const options: AgentOptions = { server: "https://localhost:8443", cert: "", key: "", hostname: "web-01" };
const leased: LeasedAgentOptions = { ...options, leaseSeconds: 60 };

/** Held by the type check, which fails here if one of these lines compiles that must not, or the other way round. */
describe("the types", () => {
  test("with leaseSeconds every dispatch is leased, without none is", () => {
    expectTypeOf(dispatches(leased)).toEqualTypeOf<AsyncIterable<LeasedDispatch>>();
    expectTypeOf(plainDispatches(leased)).toEqualTypeOf<AsyncIterable<LeasedDispatch>>();
    expectTypeOf(dispatches({ ...leased, httpVersion: "2" })).toEqualTypeOf<AsyncIterable<LeasedDispatch>>();
    expectTypeOf(dispatches(options)).toEqualTypeOf<AsyncIterable<Dispatch>>();
    expectTypeOf(plainDispatches(options)).toEqualTypeOf<AsyncIterable<Dispatch>>();
  });

  test("nothing can be said of a dispatch that is not leased", () => {
    const say = async (dispatch: Dispatch) => {
      // @ts-expect-error
      await dispatch.acknowledge();
      // @ts-expect-error
      await dispatch.reject("no space left");
      // @ts-expect-error
      await dispatch.extend();
      // @ts-expect-error
      return dispatch.lease;
    };
    // @ts-expect-error
    const handled = () => handle(dispatches(options), () => {});
    expectTypeOf(say).toBeFunction();
    expectTypeOf(handled).toBeFunction();
  });

  test("options with a lease do not pass for options without one", () => {
    expectTypeOf(leased).not.toExtend<AgentOptions>();
    expectTypeOf(options).not.toExtend<LeasedAgentOptions>();
  });
});
