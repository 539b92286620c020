export { TestClientError } from "../errors.js";
export { createSocketIOClient, type TestClient, type TestClientOptions } from "./client.js";
export {
  type ClusterClientOptions,
  startTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from "./cluster.js";
