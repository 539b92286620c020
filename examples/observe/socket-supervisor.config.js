// For kubernetes.yml: probes come from outside the pod, so the status port needs a token.
export default {
  statusPort: 7002,
  statusHost: "0.0.0.0",
  statusToken: process.env.STATUS_TOKEN,
};
