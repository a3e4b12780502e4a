import { Link } from "../router.js";
import { Empty } from "../ui/notice.js";
import { Heading } from "./heading.js";

export function Nowhere() {
  return (
    <>
      <Heading title="There is no such view" />
      <Empty title="This address leads nowhere">
        <Link href="/">Go to Now</Link>
      </Empty>
    </>
  );
}
