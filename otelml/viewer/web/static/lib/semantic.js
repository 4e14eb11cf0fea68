/** What otelml's names mean on screen; any other OTLP sender simply lacks them. */

export const ATTRIBUTE = {
  model: "ml.model.name",
  version: "ml.model.version",
  stage: "ml.stage.name",
  stageInferred: "ml.stage.inferred",
  label: "ml.prediction.label",
  confidence: "ml.prediction.confidence",
  predictionId: "ml.prediction.id",
};

export const STAGES = ["feature_extraction", "inference", "post_processing"];

const STAGE_COLOURS = {
  feature_extraction: "--stage-feature",
  inference: "--stage-inference",
  post_processing: "--stage-post",
};
const OWN_STAGES = ["--series-4", "--series-5", "--series-6", "--series-7"];
/** Colours that stages do not use come first, so that a label is not taken for a stage. */
const SERIES = ["--series-1", "--series-5", "--series-4", "--series-7", "--series-8", "--series-3", "--series-2", "--series-6"];

/** Colour token of a stage; own stages get the rest of the set by name. */
export function stageColour(stage) {
  if (!stage) return "--span-neutral";
  if (stage in STAGE_COLOURS) return STAGE_COLOURS[stage];
  let hash = 0;
  for (const letter of stage) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return OWN_STAGES[hash % OWN_STAGES.length];
}

const LABELS = ["--label-1", "--label-2", "--label-3", "--label-4", "--label-5", "--label-6", "--label-7"];

/** Calmer tones for large areas. */
export const labelColour = (index) => LABELS[index % LABELS.length];

export const seriesColour = (index) => SERIES[index % SERIES.length];
