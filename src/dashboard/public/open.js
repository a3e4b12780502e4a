// The token stands behind the # of the link, so it goes into no log and no Referer; it is sent once, in the body of a POST.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

function tell(title, text) {
  document.getElementById("title").textContent = title;
  document.getElementById("text").textContent = text;
}

const again = "Start `nixfleet-dispatch dashboard` in a terminal of this machine, and open the link that it prints.";

async function open() {
  if (token === "") return tell("This browser is not let in", again);
  const response = await fetch("/session", { method: "POST", body: token });
  if (response.ok) return location.replace("/");
  tell("This link does not open the page", `It is wrong, or was used already: each works once. ${again}`);
}

open().catch(() => tell("Nothing answers", `The command that served this page has ended. ${again}`));
