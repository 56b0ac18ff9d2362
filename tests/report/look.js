// What is wrong with the page as it is shown now. Reads what the browser computed, nothing of the style sheet.
(() => {
  const faults = [];
  const say = (what, element) => faults.push(`${what}: ${element ? element.outerHTML.slice(0, 160) : ""}`);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Nothing is wider than the window.
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) {
    faults.push(`the page is ${wide} px wider than the window`);
    all("body *").filter((own) => own.getBoundingClientRect().right > window.innerWidth + 1).slice(0, 3)
      .forEach((own) => say("too wide", own));
  }

  // Contrast of every text, and of every mark.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let own = element; own; own = own.parentElement) layers.push(rgba(getComputedStyle(own).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((own) => own / 255)
      .map((own) => (own <= 0.04045 ? own / 12.92 : ((own + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const back = behind(element);
    const [one, other] = [light(over(rgba(getComputedStyle(element).color), back)), light(back)];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  let least = 21, texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest("svg") || !element.getClientRects().length) continue;
    const own = contrast(element);
    texts += 1; least = Math.min(least, own);
    if (own < 4.5) say(`contrast ${own.toFixed(2)}`, element);
  }
  all("svg.mark, svg.stop, svg.sign").forEach((own) => { if (contrast(own) < 3) say("faint mark", own); });

  // Names, and an order of headings without gaps.
  if (document.documentElement.lang !== "en") faults.push("no language");
  if (!document.title.trim()) faults.push("no title");
  ["header", "main", "footer", "h1"].forEach((own) => { if (all(own).length !== 1) faults.push(`not one ${own}`); });
  let level = 0;
  all("h1, h2, h3, h4, h5, h6").forEach((own) => {
    const next = Number(own.tagName[1]);
    if (next > level + 1) say(`h${next} after h${level}`, own);
    if (!own.textContent.trim()) say("empty heading", own);
    level = next;
  });
  all("svg").forEach((own) => {
    const named = own.getAttribute("role") === "img" && own.querySelector("title")?.textContent.trim();
    if (!named && own.getAttribute("aria-hidden") !== "true") say("nameless picture", own);
  });
  all("table").forEach((own) => {
    const heads = [...own.querySelectorAll("thead th[scope=col]")];
    if (!heads.length || heads.some((head) => !head.textContent.trim())) say("table without heads", own);
    own.querySelectorAll("tbody tr").forEach((row) => { if (row.cells.length !== heads.length) say("row of another length", row); });
  });
  const ids = all("[id]").map((own) => own.id);
  ids.filter((own, at) => ids.indexOf(own) !== at).forEach((own) => faults.push(`two elements with id ${own}`));
  all("[aria-labelledby]").forEach((own) => { if (!document.getElementById(own.getAttribute("aria-labelledby"))) say("label of nothing", own); });

  // Nothing that runs, loads or leads elsewhere.
  all("script, img, iframe, object, embed, form, input, a, video, audio, base, link:not([href='data:,'])").forEach((own) => say("has no place here", own));
  all("*").forEach((own) => { if ([...own.attributes].some((attribute) => attribute.name.startsWith("on"))) say("handler", own); });

  return { faults, least, texts, marks: all("svg.mark, svg.stop, svg.sign").length };
})()
