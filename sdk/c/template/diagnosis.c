// {{Title}}: an example to start from. It measures the share of the picture that is dark, and warns if most of the
// picture is dark. Replace the measurement in `measure` and the judgement in `judge` with your own.

#include <stdio.h>

#include "easysight.h"

// The width of the measured picture, in pixels. The host provides smaller versions of the picture, each half the
// size of the one before. Request no more pixels than your measurement needs, because every byte costs fuel.
#define WIDTH 640

// The thresholds. Each threshold has a unit, a range and a default. Operators see the thresholds in the web UI.
typedef struct {
    int32_t dark_luma;
    double dark_share;
} config;

static const es_setting settings[] = {
    ES_INTEGER(config, dark_luma, 40, 1, 255, "grey level", "A pixel is dark if its luma is below this value."),
    ES_NUMBER(config, dark_share, 0.8, 0, 1, "share",
              "The finding is a warning if more than this share of the picture is dark."),
};

// Measures the share of dark pixels in the clip's middle frame. Returns false if the frame cannot be read.
static bool measure(es_clip clip, int dark_luma, double *share) {
    es_info info = es_clip_info(clip);
    es_plane luma;
    if (!es_luma(clip, info.frames / 2, es_level_within(clip, WIDTH), &luma)) return false;
    // Most cameras encode black as 16. In full range, black is 0.
    int limit = 0;
    while (limit < 256 && es_full_range(&info, limit) < dark_luma) limit += 1;
    size_t count = (size_t)luma.width * luma.height, dark = 0;
    for (size_t at = 0; at < count; at += 1) dark += luma.samples[at] < limit;
    *share = (double)dark / (double)count;
    return true;
}

// Judges the share. The score is 100 without any dark pixel, 50 at the threshold and 0 if all pixels are dark.
static bool judge(es_finding *finding, double share, double threshold) {
    es_metric(finding, "dark_share", share, "share");
    es_decided_by(finding, "dark_share", threshold);
    es_scored(finding, es_score(share, 0, threshold, 1));
    if (share <= threshold) return es_normal(finding, "画面正常。", "The picture is fine.");
    es_suggest(finding, "检查照明和光圈。", "Check the lighting and the iris.");
    char zh[80], en[80];
    snprintf(zh, sizeof zh, "画面的 %.0f%% 过暗。", 100 * share);
    snprintf(en, sizeof en, "%.0f %% of the picture is dark.", 100 * share);
    return es_warning(finding, zh, en);
}

static bool diagnose(es_clip clip, const void *given, es_finding *finding) {
    const config *config = given;
    double share;
    return measure(clip, config->dark_luma, &share) && judge(finding, share, config->dark_share);
}

const es_plugin es_the_plugin = {
    .name = "{{name}}",
    .version = "0.1.0",
    .title = {"{{Title}}（示例）", "{{Title}}"},
    .description = {"画面大部分过暗。", "Most of the picture is dark."},
    // One picture is enough here. `.min_frames = 10, .interval_ms = 200, .span_ms = 2000` requests two seconds,
    // with a frame every 200 ms.
    ES_SETTINGS(config, settings),
    .diagnose = diagnose,
};
