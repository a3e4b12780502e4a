interface Page {
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** How many items one call brings: the most that the server gives. */
export const pageSize = 1_000;

/** Page after page, as far as somebody reads on. */
export async function* pagesOf<P extends Page>(fetch: (pageToken: string) => Promise<P>): AsyncGenerator<P> {
  let pageToken = "";
  do {
    const page = await fetch(pageToken);
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
