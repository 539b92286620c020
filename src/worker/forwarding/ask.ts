/**
 * Goes on with the answer to a question, in a turn of its own and outside of the promise: what an
 * application's code throws there is an uncaught exception, as it is on a plain server.
 *
 * @param otherwise gets the error when there is no answer
 */
export function ask<T>(
  question: () => Promise<T>,
  then: (answer: T) => void,
  otherwise: (error: unknown) => void,
): void {
  // An error of the question itself is one that has no answer, too.
  Promise.resolve()
    .then(question)
    .then(
      (answer) => process.nextTick(then, answer),
      (error: unknown) => process.nextTick(otherwise, error),
    );
}
