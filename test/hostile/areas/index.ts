import type { Area } from "./area.js";
import { rawAreas } from "./raw.js";

export const AREAS: readonly Area[] = [...rawAreas];
