import type { Area } from "./area.js";
import { http2Area } from "./http2.js";
import { insideAreas } from "./inside.js";
import { rawAreas } from "./raw.js";
import { tlsAreas } from "./tls.js";

export const AREAS: readonly Area[] = [...rawAreas, ...insideAreas, ...tlsAreas, http2Area];
