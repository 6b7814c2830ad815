// Countdowns: <time class="countdown" datetime="PT8M"></time> shows 8:00. The key C, or a click, starts and pauses the
// one on the slide; R sets it back. The deck's own window keeps the time. The frames of the speaker view (`inSpeakerView`)
// `say` what was pressed there, and are told how every countdown stands.
const keepTime = () => {
  const countdowns = [...document.querySelectorAll("time.countdown")].map((node) => {
    const [, hours = 0, minutes = 0, seconds = 0] = node.dateTime.match(/^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/);
    const whole = 3600 * hours + 60 * minutes + 1 * seconds;
    return { node, whole, left: whole, since: null }; // seconds left when it last stood, and when it began to run
  });
  if (!countdowns.length) return;
  const left = ({ left, since }) => (since === null ? left : Math.max(0, left - (Date.now() - since) / 1000));
  const show = () => {
    for (const one of countdowns) {
      const seconds = Math.ceil(left(one));
      const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (one.node.textContent !== text) one.node.textContent = text;
      one.node.dataset.state = !seconds ? "over" : one.since === null ? "still" : "running";
    }
  };
  const tellAll = () => say({ countdowns: countdowns.map((one) => ({ left: left(one), runs: one.since !== null })) });
  const press = (key, at) => {
    const one = countdowns[at];
    if (!one) return; // no countdown on this slide
    if (inSpeakerView) return say({ pressed: { key, at } });
    if (key === "R") Object.assign(one, { left: one.whole, since: null });
    else Object.assign(one, { left: left(one), since: one.since === null ? Date.now() : null });
    show();
    tellAll();
  };
  addEventListener("message", ({ data }) => {
    if (data.newcomer) tellAll();
    if (data.pressed) press(data.pressed.key, data.pressed.at);
    data.countdowns?.forEach(({ left, runs }, at) => {
      Object.assign(countdowns[at], { left, since: runs ? Date.now() : null });
    });
    show();
  });
  countdowns.forEach(({ node }, at) => {
    node.setAttribute("role", "timer");
    node.title = "C starts and pauses, R sets back";
    node.addEventListener("click", () => press("C", at));
  });
  for (const [key, description] of [["C", "Countdown: start, pause"], ["R", "Countdown: set back"]])
    Reveal.addKeyBinding({ keyCode: key.charCodeAt(0), key, description }, () =>
      press(key, countdowns.findIndex(({ node }) => Reveal.getCurrentSlide().contains(node))),
    );
  show();
  setInterval(show, 200);
  if (inSpeakerView) say({ newcomer: true });
};
