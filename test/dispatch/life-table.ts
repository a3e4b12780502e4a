/**
 * What each step makes of a dispatch in each situation: `state: event`, `! reason` of an error, `.` for nothing to do,
 * `-` where the step is never taken (only what waits is superseded, and only what is due is handed out).
 */
const fromOutside = `
situation            | enqueue, same closure | enqueue, other closure | supersede              | cancel                | time
nothing known        | pending: enqueued     | pending: enqueued      | -                      | ! unknown_dispatch    | -
pending              | pending: replaced     | pending: replaced      | superseded: superseded | cancelled: cancelled  | .
pending again        | pending: replaced     | pending: replaced      | superseded: superseded | cancelled: cancelled  | .
pending, too early   | pending: replaced     | pending: replaced      | superseded: superseded | cancelled: cancelled  | .
pending, too late    | pending: replaced     | pending: replaced      | superseded: superseded | cancelled: cancelled  | expired: expired
leased               | leased                | pending: replaced      | -                      | cancelled: cancelled  | .
lease over           | pending: replaced     | pending: replaced      | -                      | cancelled: cancelled  | pending: lease_expired
last lease over      | pending: replaced     | pending: replaced      | -                      | cancelled: cancelled  | dead: dead
unproven             | leased                | pending: replaced      | -                      | cancelled: cancelled  | .
unproven, time over  | pending: replaced     | pending: replaced      | -                      | cancelled: cancelled  | pending: lease_expired
delivered            | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
delivered for last   | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
acknowledged, leased | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
acknowledged, plain  | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
rejected, leased     | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
rejected, plain      | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
cancelled            | pending: enqueued     | pending: enqueued      | -                      | .                     | .
superseded           | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
expired              | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
dead                 | pending: enqueued     | pending: enqueued      | -                      | ! too_late            | .
`;

const ofTheTake = `
situation            | take                 | take, to be proven | take, leased   | give back         | give back, older take | confirm              | confirm, older take
nothing known        | -                    | -                  | -              | .                 | .                     | .                    | .
pending              | delivered: delivered | leased: leased     | leased: leased | .                 | .                     | .                    | .
pending again        | delivered: delivered | leased: leased     | leased: leased | .                 | .                     | .                    | .
pending, too early   | -                    | -                  | -              | .                 | .                     | .                    | .
pending, too late    | -                    | -                  | -              | .                 | .                     | .                    | .
leased               | -                    | -                  | -              | pending: returned | .                     | .                    | .
lease over           | -                    | -                  | -              | pending: returned | .                     | .                    | .
last lease over      | -                    | -                  | -              | dead: dead        | .                     | .                    | .
unproven             | -                    | -                  | -              | pending: returned | .                     | delivered: confirmed | .
unproven, time over  | -                    | -                  | -              | pending: returned | .                     | .                    | .
delivered            | -                    | -                  | -              | pending: returned | .                     | .                    | .
delivered for last   | -                    | -                  | -              | dead: dead        | .                     | .                    | .
acknowledged, leased | -                    | -                  | -              | .                 | .                     | .                    | .
acknowledged, plain  | -                    | -                  | -              | .                 | .                     | .                    | .
rejected, leased     | -                    | -                  | -              | .                 | .                     | .                    | .
rejected, plain      | -                    | -                  | -              | .                 | .                     | .                    | .
cancelled            | -                    | -                  | -              | .                 | .                     | .                    | .
superseded           | -                    | -                  | -              | .                 | .                     | .                    | .
expired              | -                    | -                  | -              | .                 | .                     | .                    | .
dead                 | -                    | -                  | -              | .                 | .                     | .                    | .
`;

const byTheAgent = `
situation            | acknowledge                | acknowledge, other token | acknowledge, no token      | reject             | reject, other token | reject, no token   | extend             | extend, other token
nothing known        | ! unknown_dispatch         | ! unknown_dispatch       | ! unknown_dispatch         | ! unknown_dispatch | ! unknown_dispatch  | ! unknown_dispatch | ! unknown_dispatch | ! unknown_dispatch
pending              | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
pending again        | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
pending, too early   | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
pending, too late    | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
leased               | acknowledged: acknowledged | ! attempt_over           | ! attempt_over             | rejected: rejected | ! attempt_over      | ! attempt_over     | leased: extended   | ! attempt_over
lease over           | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
last lease over      | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
unproven             | ! attempt_over             | ! attempt_over           | acknowledged: acknowledged | ! attempt_over     | ! attempt_over      | rejected: rejected | ! attempt_over     | ! attempt_over
unproven, time over  | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
delivered            | ! attempt_over             | ! attempt_over           | acknowledged: acknowledged | ! attempt_over     | ! attempt_over      | rejected: rejected | ! attempt_over     | ! attempt_over
delivered for last   | ! attempt_over             | ! attempt_over           | acknowledged: acknowledged | ! attempt_over     | ! attempt_over      | rejected: rejected | ! attempt_over     | ! attempt_over
acknowledged, leased | .                          | ! attempt_over           | .                          | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
acknowledged, plain  | ! attempt_over             | ! attempt_over           | .                          | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
rejected, leased     | ! attempt_over             | ! attempt_over           | ! attempt_over             | .                  | ! attempt_over      | .                  | ! attempt_over     | ! attempt_over
rejected, plain      | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | .                  | ! attempt_over     | ! attempt_over
cancelled            | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
superseded           | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
expired              | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
dead                 | ! attempt_over             | ! attempt_over           | ! attempt_over             | ! attempt_over     | ! attempt_over      | ! attempt_over     | ! attempt_over     | ! attempt_over
`;

export interface Cell {
  readonly situation: string;
  readonly step: string;
  readonly expected: string;
}

function cellsOf(table: string): Cell[] {
  const [head = [], ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return rows.flatMap(([situation = "", ...row]) =>
    row.map((expected, i) => ({ situation, step: head[i + 1] ?? "", expected })),
  );
}

export const cells: readonly Cell[] = [fromOutside, ofTheTake, byTheAgent].flatMap(cellsOf);
