/**
 * What is used here of Standard Schema 1 (https://standardschema.dev): types only, so that zod,
 * valibot, arktype and others fit without being a dependency.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a client may send. */
export type InputOf<S> = S extends StandardSchema<infer Input, unknown> ? Input : never;
/** What a handler gets. */
export type OutputOf<S> = S extends StandardSchema<unknown, infer Output> ? Output : never;
