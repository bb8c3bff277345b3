// A line in the timeline follows the video, and a click on the timeline or on a track's time moves the video there.
for (const clip of document.querySelectorAll("article[data-start]")) {
  const video = clip.querySelector("video"), drawing = clip.querySelector("svg.timeline");
  const start = Number(clip.dataset.start), length = Number(clip.dataset.end) - start;
  if (!video || !drawing || !(length > 0)) continue;
  const offset = Number(video.dataset.offset), head = drawing.querySelector(".head");
  const follow = () => {
    const at = `${100 * Math.min(Math.max((video.currentTime + offset - start) / length, 0), 1)}%`;
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
    head.style.opacity = 1;
  };
  const go = (seconds) => {
    const seek = () => { video.currentTime = Math.max(seconds - offset, 0); };
    if (video.readyState) seek(); else { video.addEventListener("loadedmetadata", seek, { once: true }); video.load(); }
    video.preload = "auto";
  };
  let frame = 0;
  const run = () => { follow(); frame = video.paused ? 0 : requestAnimationFrame(run); };
  video.addEventListener("play", () => { if (!frame) run(); });
  for (const event of ["seeked", "timeupdate"]) video.addEventListener(event, follow);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    go(start + length * (event.clientX - box.left) / box.width);
  });
  for (const link of clip.querySelectorAll("a[data-time]")) {
    link.addEventListener("click", (event) => { event.preventDefault(); go(Number(link.dataset.time)); video.scrollIntoView({ block: "nearest" }); });
  }
}
