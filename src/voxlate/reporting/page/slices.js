"use strict";
for (const stack of document.querySelectorAll("figure.stack")) {
  const images = Array.from(stack.querySelectorAll("img"));
  const slider = stack.querySelector("input[type=range]");
  const said = stack.querySelector("output");
  const show = () => {
    images.forEach((image, place) => {
      image.hidden = place !== Number(slider.value);
    });
    said.textContent = images[Number(slider.value)].alt;
  };
  slider.hidden = false;
  slider.addEventListener("input", show);
  show();
}
