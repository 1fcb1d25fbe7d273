// The C SDK for EasySight plugins.
//
// A plugin is one value of the type `es_plugin` named `es_the_plugin`. It has a table of settings and a function that
// judges a clip:
//
//     typedef struct { double least_mean; } config;
//
//     static const es_setting settings[] = {
//         ES_NUMBER(config, least_mean, 40, 0, 255, "grey level", "Least mean luma."),
//     };
//
//     static bool diagnose(es_clip clip, const void *given, es_finding *finding) {
//         const config *config = given;
//         es_plane luma;
//         if (!es_luma(clip, 0, es_level_within(clip, 640), &luma)) return false;
//         double mean = es_mean(&luma);
//         es_metric(finding, "luma_mean", mean, "grey level");
//         es_decided_by(finding, "luma_mean", config->least_mean);
//         if (mean >= config->least_mean) return es_normal(finding, "亮度正常。", "The light is fine.");
//         return es_warning(finding, "画面昏暗。", "The picture is gloomy.");
//     }
//
//     const es_plugin es_the_plugin = {
//         .name = "gloom", .version = "1.0.0", .title = {"昏暗", "Gloom"},
//         .description = {"画面平均亮度过低。", "The picture is dark on average."},
//         ES_SETTINGS(config, settings), .diagnose = diagnose,
//     };
//
// The SDK makes a JSON Schema from the table. The host checks configurations against this schema and fills in the
// defaults. Every run has a fresh instance, so only large blocks of memory need to be freed. A plugin with several
// diagnoses or with a baseline also uses the bindings in `plugin.h`.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin.h"

/// A text in both languages of the users, in UTF-8.
typedef struct {
    const char *zh;
    const char *en;
} es_text;

/// The type of a setting's value, which is a `double`, an `int32_t` or a `bool` in the configuration's struct.
typedef enum { ES_KIND_NUMBER, ES_KIND_INTEGER, ES_KIND_BOOLEAN } es_kind;

/// One setting. Use the macros below to create it.
typedef struct {
    const char *name;
    es_kind kind;
    size_t offset;
    double fallback, minimum, maximum;
    const char *unit;
    const char *description;
} es_setting;

/// Make a setting that is a number, an integer or a boolean. `minimum` and `maximum` are included in the range.
#define ES_NUMBER(type, field, fallback, minimum, maximum, unit, description) \
    {#field, ES_KIND_NUMBER, offsetof(type, field), fallback, minimum, maximum, unit, description}
#define ES_INTEGER(type, field, fallback, minimum, maximum, unit, description) \
    {#field, ES_KIND_INTEGER, offsetof(type, field), fallback, minimum, maximum, unit, description}
#define ES_BOOLEAN(type, field, fallback, description) \
    {#field, ES_KIND_BOOLEAN, offsetof(type, field), fallback, 0, 1, "", description}

typedef plugin_borrow_clip_t es_clip;
typedef easysight_diagnosis_video_clip_info_t es_info;
typedef easysight_diagnosis_types_finding_t es_finding;

/// The description of a plugin.
typedef struct {
    const char *name;        ///< also the id of the diagnosis: `a-z`, `0-9` and `_`
    const char *version;     ///< semantic version
    es_text title;
    es_text description;
    uint32_t min_frames;     ///< 0 counts as 1
    uint32_t interval_ms;    ///< time between two frames; 0 for every frame
    uint32_t span_ms;        ///< duration of the clip; 0 if a single picture is enough
    const es_setting *settings;
    size_t setting_count;
    size_t config_bytes;
    /// Judges a clip: fills the finding and returns true, or returns the result of es_inconclusive,
    /// es_unsupported_clip or es_internal.
    bool (*diagnose)(es_clip clip, const void *config, es_finding *finding);
} es_plugin;

/// The table of settings and the struct that it describes, within an `es_plugin`.
#define ES_SETTINGS(type, table) \
    .settings = (table), .setting_count = sizeof(table) / sizeof *(table), .config_bytes = sizeof(type)

/// The plugin, defined by its author.
extern const es_plugin es_the_plugin;

// The reasons why there is no finding. All functions return false, for `return es_inconclusive("...")`.

/// The picture does not show enough to decide.
bool es_inconclusive(const char *why);
/// The clip does not have what the diagnosis needs.
bool es_unsupported_clip(const char *why);
/// A defect of the plugin.
bool es_internal(const char *why);

// The clip. Every call that returns pixels costs fuel for each byte.

/// 8-bit samples, row by row without padding.
typedef struct {
    uint32_t width, height;
    uint8_t *samples;
} es_plane;

/// Returns facts about the clip as a whole.
es_info es_clip_info(es_clip clip);
/// Returns the first level whose luma is at most `width` wide, or the last level if there is none.
uint32_t es_level_within(es_clip clip, uint32_t width);
/// Reads the luma plane of a frame. Returns false, and sets the failure, if there is no such frame or level.
bool es_luma(es_clip clip, uint32_t frame, uint32_t level, es_plane *plane);
/// Reads any plane of a frame. `kind` is one of EASYSIGHT_DIAGNOSIS_VIDEO_PLANE_KIND_….
bool es_plane_of(es_clip clip, uint32_t frame, uint8_t kind, uint32_t level, es_plane *plane);
/// Frees a plane's memory.
void es_plane_free(es_plane *plane);
/// Returns the mean of all samples.
double es_mean(const es_plane *plane);
/// Converts a luma value to full range, in which black is 0 and white is 255.
double es_full_range(const es_info *info, double luma);

// The finding.

/// Adds a measured value.
void es_metric(es_finding *finding, const char *name, double value, const char *unit);
/// Names the metric that decided the finding, and its threshold.
void es_decided_by(es_finding *finding, const char *metric, double threshold);
/// Sets the score, clamped to 0 to 100.
void es_scored(es_finding *finding, double score);
/// Sets the judgement. The caller formats the texts. If the status is not normal, a score above 50 becomes 50. The
/// function returns true, so that `diagnose` can return its result directly.
bool es_judged(es_finding *finding, uint8_t status, const char *zh, const char *en);
bool es_normal(es_finding *finding, const char *zh, const char *en);
bool es_warning(es_finding *finding, const char *zh, const char *en);
bool es_error(es_finding *finding, const char *zh, const char *en);
/// Adds a suggestion to remedy the fault. Add the most promising one first.
void es_suggest(es_finding *finding, const char *zh, const char *en);
/// Marks where the fault is, in shares of the picture's width and height.
void es_region(es_finding *finding, double left, double top, double width, double height, const char *zh,
               const char *en);
/// Converts a value to the scale that all diagnoses share: 100 if the value is at least as good as `good`, the
/// value of healthy pictures; 50 at the `threshold`; 0 at the `worst`; linear between these points.
double es_score(double value, double good, double threshold, double worst);

/// Writes a line to the operator's log. `level` is one of EASYSIGHT_DIAGNOSIS_LOG_LEVEL_….
void es_log(uint8_t level, const char *line);
