import { SupervisorError } from "../errors.js";

/** Routes, controllers or middleware are put together in a way that cannot work. */
export function misuse(message: string): SupervisorError {
  return new SupervisorError("ERR_SUPERVISOR_APP", message);
}
