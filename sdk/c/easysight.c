// The clip, the finding and the component's exports. Configurations are in settings.c.

#include "easysight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

static plugin_failure_t failure;

static bool fail(uint8_t tag, const char *why) {
    failure.tag = tag;
    // All cases of the union are a string.
    plugin_string_dup(&failure.val.internal, why);
    return false;
}

bool es_inconclusive(const char *why) { return fail(EASYSIGHT_DIAGNOSIS_TYPES_FAILURE_INCONCLUSIVE, why); }
bool es_unsupported_clip(const char *why) {
    return fail(EASYSIGHT_DIAGNOSIS_TYPES_FAILURE_UNSUPPORTED_CLIP, why);
}
bool es_internal(const char *why) { return fail(EASYSIGHT_DIAGNOSIS_TYPES_FAILURE_INTERNAL, why); }

es_info es_clip_info(es_clip clip) {
    es_info info;
    easysight_diagnosis_video_method_clip_info(clip, &info);
    return info;
}

uint32_t es_level_within(es_clip clip, uint32_t width) {
    es_info info = es_clip_info(clip);
    uint32_t level = 0;
    while (level + 1 < info.levels && info.width >> level > width) level += 1;
    return level;
}

bool es_plane_of(es_clip clip, uint32_t frame, uint8_t kind, uint32_t level, es_plane *plane) {
    plugin_tuple2_u32_u32_t size;
    plugin_list_u8_t samples;
    easysight_diagnosis_video_pixel_error_t error;
    if (!easysight_diagnosis_video_method_clip_size(clip, kind, level, &size, &error) ||
        !easysight_diagnosis_video_method_clip_plane(clip, frame, kind, level, &samples, &error)) {
        return es_internal("pixels refused: there is no such frame or level");
    }
    *plane = (es_plane){.width = size.f0, .height = size.f1, .samples = samples.ptr};
    return true;
}

bool es_luma(es_clip clip, uint32_t frame, uint32_t level, es_plane *plane) {
    return es_plane_of(clip, frame, EASYSIGHT_DIAGNOSIS_VIDEO_PLANE_KIND_LUMA, level, plane);
}

void es_plane_free(es_plane *plane) {
    free(plane->samples);
    plane->samples = NULL;
}

double es_mean(const es_plane *plane) {
    size_t count = (size_t)plane->width * plane->height;
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at += 1) sum += plane->samples[at];
    return (double)sum / (double)count;
}

double es_full_range(const es_info *info, double luma) {
    if (info->range == EASYSIGHT_DIAGNOSIS_VIDEO_SAMPLE_RANGE_FULL) return luma;
    return fmin(fmax((luma - 16) * 255 / 219, 0), 255);
}

/// Makes room for one more item. Aborts if there is no memory.
static void *grown(void *items, size_t count, size_t item_bytes) {
    void *more = realloc(items, (count + 1) * item_bytes);
    if (!more) abort();
    return more;
}

void es_metric(es_finding *finding, const char *name, double value, const char *unit) {
    easysight_diagnosis_types_list_metric_t *list = &finding->metrics;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    easysight_diagnosis_types_metric_t *metric = &list->ptr[list->len++];
    plugin_string_dup(&metric->name, name);
    plugin_string_dup(&metric->unit, unit);
    metric->value = value;
}

void es_decided_by(es_finding *finding, const char *metric, double threshold) {
    plugin_string_free(&finding->decision.metric);
    plugin_string_dup(&finding->decision.metric, metric);
    finding->decision.threshold = threshold;
}

void es_scored(es_finding *finding, double score) {
    // A value that is not a number scores 0.
    finding->score = isnan(score) ? 0 : (float)fmin(fmax(score, 0), 100);
}

static void set_text(easysight_diagnosis_types_text_t *text, const char *zh, const char *en) {
    plugin_string_dup(&text->zh, zh);
    plugin_string_dup(&text->en, en);
}

bool es_judged(es_finding *finding, uint8_t status, const char *zh, const char *en) {
    finding->status = status;
    if (status != EASYSIGHT_DIAGNOSIS_TYPES_STATUS_NORMAL && finding->score > 50) finding->score = 50;
    easysight_diagnosis_types_text_free(&finding->message);
    set_text(&finding->message, zh, en);
    return true;
}

bool es_normal(es_finding *finding, const char *zh, const char *en) {
    return es_judged(finding, EASYSIGHT_DIAGNOSIS_TYPES_STATUS_NORMAL, zh, en);
}
bool es_warning(es_finding *finding, const char *zh, const char *en) {
    return es_judged(finding, EASYSIGHT_DIAGNOSIS_TYPES_STATUS_WARNING, zh, en);
}
bool es_error(es_finding *finding, const char *zh, const char *en) {
    return es_judged(finding, EASYSIGHT_DIAGNOSIS_TYPES_STATUS_ERROR, zh, en);
}

void es_suggest(es_finding *finding, const char *zh, const char *en) {
    easysight_diagnosis_types_list_text_t *list = &finding->suggestions;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    set_text(&list->ptr[list->len++], zh, en);
}

void es_region(es_finding *finding, double left, double top, double width, double height, const char *zh,
               const char *en) {
    easysight_diagnosis_types_list_region_t *list = &finding->regions;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    easysight_diagnosis_types_region_t *region = &list->ptr[list->len++];
    region->left = (float)left;
    region->top = (float)top;
    region->width = (float)width;
    region->height = (float)height;
    set_text(&region->caption, zh, en);
}

double es_score(double value, double good, double threshold, double worst) {
    if (isnan(value)) return 0;
    bool healthy = (value - threshold) * (good - threshold) >= 0;
    double span = (healthy ? good : worst) - threshold;
    if (span == 0) return 50;
    return 50 + (healthy ? 50 : -50) * fmin(fmax((value - threshold) / span, 0), 1);
}

void es_log(uint8_t level, const char *line) {
    plugin_string_t text;
    plugin_string_set(&text, line);
    easysight_diagnosis_log_write(level, &text);
}

// The functions that the host calls. The bindings free the results afterwards, so every string in a result is a copy.

void exports_plugin_describe(plugin_descriptor_t *descriptor) {
    const es_plugin *plugin = &es_the_plugin;
    plugin_string_dup(&descriptor->name, plugin->name);
    plugin_string_dup(&descriptor->version, plugin->version);
    easysight_diagnosis_types_diagnosis_t *diagnosis = grown(NULL, 0, sizeof *diagnosis);
    plugin_string_dup(&diagnosis->id, plugin->name);
    set_text(&diagnosis->title, plugin->title.zh, plugin->title.en);
    set_text(&diagnosis->description, plugin->description.zh, plugin->description.en);
    descriptor->diagnoses.ptr = diagnosis;
    descriptor->diagnoses.len = 1;
    es_settings_schema(plugin, &descriptor->config_schema);
    descriptor->clip.min_frames = plugin->min_frames > 0 ? plugin->min_frames : 1;
    descriptor->clip.interval_ms = plugin->interval_ms;
    descriptor->clip.span_ms = plugin->span_ms;
}

bool exports_plugin_diagnose(plugin_borrow_clip_t clip, plugin_string_t *config, plugin_report_t *report,
                             plugin_failure_t *stated) {
    const es_plugin *plugin = &es_the_plugin;
    // At least one byte, because calloc may return NULL for zero bytes.
    void *settings = calloc(1, plugin->config_bytes + 1);
    es_finding *finding = calloc(1, sizeof *finding);
    if (!settings || !finding) abort();
    plugin_string_dup(&finding->diagnosis, plugin->name);
    finding->score = 100;
    const char *wrong = es_settings_parse(plugin, config, settings);
    bool judged = wrong ? fail(EASYSIGHT_DIAGNOSIS_TYPES_FAILURE_INVALID_CONFIG, wrong)
                        : plugin->diagnose(clip, settings, finding);
    // The borrowed clip must be dropped.
    easysight_diagnosis_video_clip_drop_borrow(clip);
    if (!judged) {
        *stated = failure;
        return false;
    }
    report->findings.ptr = finding;
    report->findings.len = 1;
    return true;
}
