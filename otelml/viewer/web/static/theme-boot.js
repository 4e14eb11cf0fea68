(() => {
  const wanted = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem("otelml.theme");
  if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
})();
