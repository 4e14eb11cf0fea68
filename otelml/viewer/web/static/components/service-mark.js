/** A service's name beside its colour. */
import { html } from "../lib/html.js";
import { serviceColour } from "../lib/services.js";

export const ServiceMark = ({ name }) => html`<span class="service-mark"><span class="swatch" style=${{ background: `var(${serviceColour(name)})` }}></span>${name}</span>`;

export const ServiceMarks = ({ names }) => html`<span class="service-marks">${names.map((name) => html`<${ServiceMark} key=${name} name=${name} />`)}</span>`;
