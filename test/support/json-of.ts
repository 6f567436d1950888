/** A body as it is: tests look at it, and fail where it is otherwise. */
// biome-ignore lint/suspicious/noExplicitAny: what comes over the wire
export const jsonOf = (response: Pick<Response, 'json'>): Promise<any> => response.json();
