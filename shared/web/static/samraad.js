/* Live parts of the pages. Everything works without this file; it saves the person a reload.

   One event stream per browser: the tab that holds the lock listens and tells the others. An event
   carries ids only; what they mean, each page asks for itself (htmx, `samraad:notices`). */
(() => {
  "use strict";
  const body = document.body;
  const tell = (detail) => body.dispatchEvent(new CustomEvent("samraad:notices", { detail }));

  /* Lists: what arrives while the person is inside the list waits behind a button, also when the
     list was asked for before the person entered it. */
  const fresh = new Set();
  let asked = [];
  const held = (list) => list.contains(document.activeElement) || list.querySelector("details[open]");
  const renewed = (event) =>
    event.detail.requestConfig.verb === "get" ? event.target.closest("[data-live]") : null;
  const offer = () => {
    const unseen = [...fresh].filter((id) => !document.querySelector(`[data-row="${CSS.escape(id)}"]`)).length;
    const button = document.querySelector("[data-new]");
    if (!button || unseen === 0) return;
    button.textContent = (unseen === 1 ? button.dataset.one : button.dataset.many).replace("{n}", unseen);
    button.hidden = false;
  };
  body.addEventListener("htmx:beforeRequest", (event) => {
    const list = renewed(event);
    if (!list) return;
    if (held(list)) {
      event.preventDefault();
      offer();
    } else asked = [...fresh];
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    const list = renewed(event);
    if (!list) return;
    if (held(list)) {
      event.detail.shouldSwap = false;
      offer();
    } else for (const id of asked) fresh.delete(id);
  });
  body.addEventListener("click", (event) => {
    if (!event.target.closest("[data-new]")) return;
    for (const open of document.querySelectorAll("[data-live] details[open]")) open.open = false;
    event.target.focus();
    event.target.hidden = true;
    tell({});
  });
  body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "unread") event.target.hidden = false;
    const shown = event.target.querySelector?.("[data-focus]") ?? document.querySelector("[data-focus]");
    if (shown && event.detail.requestConfig.verb === "post") shown.focus();
  });

  /* Acts: one form, one act. Fields that another answer rules out are hidden and not sent. */
  const ask = (form) => {
    for (const group of form.querySelectorAll("[data-when]")) {
      const [name, value] = group.dataset.when.split("=");
      const asked = form.querySelector(`[name="${name}"]:checked`)?.value === value;
      group.hidden = !asked;
      for (const field of group.querySelectorAll("input, select")) field.disabled = !asked;
    }
  };
  const askAll = () => document.querySelectorAll("form[data-command], form[data-names]").forEach(ask);
  body.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-command], form[data-names]");
    if (form) ask(form);
  });
  askAll();
  body.addEventListener("htmx:afterSettle", askAll);
  const commandOf = (event) => event.target.closest?.("form[data-command]");
  const saving = new WeakMap();
  const ended = (form) => {
    clearTimeout(saving.get(form));
    form.removeAttribute("aria-busy");
    const button = form.querySelector("[data-busy]");
    if (button?.dataset.says) button.textContent = button.dataset.says;
  };
  const failed = (form) => {
    ended(form);
    const shown = form.querySelector("[data-failed]");
    shown.hidden = false;
    shown.focus();
  };
  body.addEventListener("htmx:beforeRequest", (event) => {
    const form = commandOf(event);
    if (!form) return;
    form.setAttribute("aria-busy", "true");
    form.querySelector("[data-failed]").hidden = true;
    const button = form.querySelector("[data-busy]");
    button.dataset.says = button.textContent;
    saving.set(form, setTimeout(() => { button.textContent = button.dataset.busy; }, 400));
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    const form = event.detail.requestConfig.elt?.closest?.("form[data-command]");
    if (form && [404, 409, 422].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"])
    body.addEventListener(name, (event) => {
      const form = commandOf(event);
      if (form) failed(form);
    });
  body.addEventListener("htmx:afterRequest", (event) => {
    const form = commandOf(event);
    if (form?.isConnected && event.detail.successful) ended(form);
  });

  /* Paper and clipboard: the time of printing, and a case as text without leaving its page. */
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  body.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
  window.addEventListener("beforeprint", () => {
    for (const time of document.querySelectorAll("[data-printed]")) {
      const now = new Date();
      time.dateTime = now.toISOString();
      time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, {
        dateStyle: "long", timeStyle: "short",
      }).format(now);
    }
  });
  body.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-copy]");
    if (!link || !navigator.clipboard) return;
    event.preventDefault();
    const says = document.querySelector("[data-copy-says]");
    try {
      const answer = await fetch(link.href);
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      await navigator.clipboard.writeText(await answer.text());
      says.textContent = link.dataset.copied;
    } catch {
      says.textContent = link.dataset.notCopied;
    }
  });

  /* The connection: say since when the list is old, keep trying. */
  let lost = null;
  const show = () => {
    for (const mark of document.querySelectorAll("[data-lost]")) mark.hidden = lost !== true;
    for (const mark of document.querySelectorAll(".s-live")) {
      mark.hidden = lost === true;
      if (lost === false) mark.textContent = mark.dataset.now;
    }
  };
  const connection = (state) => { lost = state; show(); };
  body.addEventListener("htmx:sendError", () => connection(true));
  body.addEventListener("htmx:afterSettle", show);

  /* The stream: EventSource reconnects by itself; after a gap the list is asked for again. */
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("samraad") : null;
  const listen = () => {
    let source;
    let giveUp;
    const all = (message) => {
      hear(message);
      channel?.postMessage(message);
    };
    const open = () => {
      source = new EventSource("/notify/stream");
      source.addEventListener("notice", (event) => all(JSON.parse(event.data)));
      source.addEventListener("open", () => {
        clearTimeout(giveUp);
        giveUp = undefined;
        all({});
      });
      source.addEventListener("error", () => {
        giveUp ??= setTimeout(() => all({ lost: true }), 3000);
        if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
      });
    };
    open();
    return new Promise(() => {});
  };
  const hear = (message) => {
    connection(message.lost === true);
    if (message.lost) return;
    if (message.created) fresh.add(message.notice);
    tell(message);
  };
  channel?.addEventListener("message", (event) => hear(event.data));
  if (channel && navigator.locks) navigator.locks.request("samraad-stream", listen);
  else listen();

  /* Names: the frame belongs to intake, and no script here can read it. The page around shows until
     when, and empties it in time, as intake does by itself. */
  const SHOWN_MS = 15 * 60 * 1000;
  const emptying = new WeakMap();
  const partOf = (form) => form.closest(".s-names").querySelector("[data-frame]");
  const empty = (part) => {
    clearTimeout(emptying.get(part));
    part.querySelector("[data-until]").hidden = true;
    part.querySelector("[data-names-again]").hidden = true;
    part.querySelector("[data-reopen]").hidden = false;
  };
  const shownFor = (part, ms) => {
    const until = part.querySelector("[data-until]");
    const clock = new Date(Date.now() + ms).toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit", timeZone: "Europe/Copenhagen" });
    until.textContent = until.dataset.words.replace("{clock}", clock);
    until.hidden = false;
    clearTimeout(emptying.get(part));
    emptying.set(part, setTimeout(() => {
      part.querySelector("iframe").src = "about:blank";
      empty(part);
    }, ms));
  };
  for (const part of document.querySelectorAll("[data-frame]")) part.hidden = true;
  body.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-names]") && !event.submitter?.hasAttribute("formtarget")) {
      const reason = form.querySelector("[data-when]");
      if (reason && !reason.hidden && !reason.querySelector("input").value.trim()) return;
      partOf(form).hidden = false;
      const chosen = form.querySelector("[name=purpose]:checked");
      const purpose = partOf(form).querySelector("[data-purpose]");
      purpose.textContent = `${purpose.dataset.purpose} ${chosen.labels[0].textContent.trim().toLowerCase()}`;
      shownFor(partOf(form), SHOWN_MS);
      form.hidden = true;
    } else if (form.matches("[data-names-again]")) {
      if (event.submitter?.value === "hide") empty(partOf(form));
      else shownFor(partOf(form), SHOWN_MS);
    }
  });

  /* Keys: never in a field, shown on the page, can be turned off. */
  const line = () => document.querySelector("[data-keys]");
  const off = () => localStorage.getItem("keys") === "off";
  const say = () => {
    const where = line();
    if (!where) return;
    where.hidden = false;
    where.querySelector("[data-keys-on]").hidden = off();
    where.querySelector("[data-keys-off]").hidden = !off();
  };
  body.addEventListener("click", (event) => {
    if (!event.target.closest("[data-keys] button")) return;
    localStorage.setItem("keys", off() ? "on" : "off");
    say();
  });
  body.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.activeElement?.closest("details[open]") ?? document.querySelector(".s-menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
      return;
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (!line() || off() || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...document.querySelectorAll("[data-row]")];
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") {
      const next = rows[Math.max(0, Math.min(rows.length - 1, at + (key === "j" ? 1 : -1)))];
      next?.querySelector("[data-first]")?.focus();
    } else if (key === "e" && at >= 0) {
      rows[at].querySelector("[data-acknowledge]")?.click();
    } else return;
    event.preventDefault();
  });
  say();
  body.addEventListener("htmx:afterSettle", say);
})();
