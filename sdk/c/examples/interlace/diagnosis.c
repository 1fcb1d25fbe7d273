// Combing: two fields of an interlaced camera, woven into one picture.
//
// Analogue cameras send the odd rows first and the even rows a moment later. If a recorder puts both fields into one
// frame without deinterlacing, every moving object looks like a comb: the odd rows show the object's earlier
// position, and the even rows its later position. A number plate is then unreadable, and no encoder can compress the
// picture well.
//
// The measure examines six rows, from each pixel downwards. The pixel is combed if all odd rows are brighter than all
// even rows by more than a given contrast, or all are darker. Fine texture and noise also produce this order, by
// chance. But chance produces every order equally often, for example rows 1, 3, 4 against 2, 5, 6, which a comb
// never produces. So the count of that order is subtracted from the count of the comb's order. The result is divided
// by the number of pixels that changed since the previous frame: an edge that moves sideways by v pixels a frame
// changes v pixels and combs v / 2. So up to half of the moving pixels are combed in woven fields, and none in
// progressive pictures.
//
// This is an example. It is built to avoid false warnings, and it misses some cases. It was tested on clips of
// five real cameras that were woven for the test. It warned for one clip, in which 0.37 of the moving pixels were
// combed. In two clips nothing moved, which the plugin reported. In two clips the moving parts were not combed.
// Vertical movement, or movement by less than a pixel from field to field, produces no comb of six rows, and a
// recorder that scales the picture after weaving blurs the comb. Noise hides combs too, because noise counts as
// movement. With noise of a standard deviation of 5 grey levels, the one clip was still found. With 7 grey levels, it
// was missed. None of the five original clips caused a warning at any level of noise.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "easysight.h"

/// The number of rows that are compared at once.
#define ROWS 6
/// The number of pairs of neighbouring frames that are compared, spread over the clip.
#define PAIRS 6
/// The number of cells across and down. Combed pixels are counted in each cell, to locate the combing.
#define CELLS 16

typedef struct {
    double contrast;
    double combed_share;
    double least_moving_share;
} config;

static const es_setting settings[] = {
    ES_NUMBER(config, contrast, 6, 2, 100, "grey level",
              "Rows of the two fields show different content if they differ by more than this value."),
    ES_NUMBER(config, combed_share, 0.03, 0.005, 0.5, "share",
              "The picture is woven of two fields if more than this share of the moving pixels is combed."),
    ES_NUMBER(config, least_moving_share, 0.001, 0, 1, "share",
              "If less than this share of the picture moves, no judgement is made."),
};

/// The counts over all pairs.
typedef struct {
    double pixels, moving, combed, by_chance;
    double cells[CELLS][CELLS];
} count;

static inline uint8_t least(uint8_t a, uint8_t b, uint8_t c) {
    uint8_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static inline uint8_t most(uint8_t a, uint8_t b, uint8_t c) {
    uint8_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

/// Returns 1 if every row of one group (a, b, c or d, e, f) is brighter than every row of the other group by more
/// than the contrast; otherwise 0.
static inline uint8_t apart(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t e, uint8_t f, int contrast) {
    int above = least(a, b, c) - most(d, e, f), below = least(d, e, f) - most(a, b, c);
    return (above > below ? above : below) > contrast;
}

static inline int difference(uint8_t a, uint8_t b) { return a > b ? a - b : b - a; }

/// Determines for each pixel of a row whether it is combed, whether it has the order that only chance produces, and
/// whether it moves. The results are bytes, so that the compiler can handle sixteen at a time.
static void look_at_row(const uint8_t *now, const uint8_t *before, uint32_t width, int contrast,
                        uint8_t *restrict combed, uint8_t *restrict by_chance, uint8_t *restrict moving) {
    const uint8_t *r[ROWS], *s[ROWS];
    for (size_t row = 0; row < ROWS; row += 1) {
        r[row] = now + row * width;
        s[row] = before + row * width;
    }
    for (uint32_t x = 0; x < width; x += 1) {
        uint8_t a = r[0][x], b = r[1][x], c = r[2][x], d = r[3][x], e = r[4][x], f = r[5][x];
        // Static texture is no evidence, so at least one of the six rows must have changed.
        uint8_t changed = 0;
        for (size_t row = 0; row < ROWS; row += 1) changed |= difference(r[row][x], s[row][x]) > contrast;
        combed[x] = changed & apart(a, c, e, b, d, f, contrast);
        by_chance[x] = changed & apart(a, c, d, b, e, f, contrast);
        // The time between two frames is twice the time between two fields.
        moving[x] = difference(a, s[0][x]) > 2 * contrast;
    }
}

static void compare(const es_plane *before, const es_plane *now, int contrast, count *total) {
    uint32_t width = now->width, rows = now->height - (ROWS - 1);
    uint8_t *combed = malloc(3 * (size_t)width), *by_chance = combed + width, *moving = by_chance + width;
    if (!combed) abort();
    for (uint32_t y = 0; y < rows; y += 1) {
        size_t start = (size_t)y * width;
        look_at_row(now->samples + start, before->samples + start, width, contrast, combed, by_chance, moving);
        double *cells = total->cells[(size_t)y * CELLS / rows];
        for (size_t cell = 0; cell < CELLS; cell += 1) {
            uint32_t combs = 0, chances = 0, moves = 0;
            size_t end = (cell + 1) * width / CELLS;
            for (size_t x = cell * width / CELLS; x < end; x += 1) {
                combs += combed[x];
                chances += by_chance[x];
                moves += moving[x];
            }
            cells[cell] += combs;
            total->combed += combs;
            total->by_chance += chances;
            total->moving += moves;
        }
    }
    total->pixels += (double)width * rows;
    free(combed);
}

/// Marks the box around the cells that contain many combed pixels.
static void mark(es_finding *finding, const count *total) {
    double peak = 0;
    for (size_t at = 0; at < CELLS * CELLS; at += 1) {
        double held = total->cells[at / CELLS][at % CELLS];
        if (held > peak) peak = held;
    }
    size_t left = CELLS, right = 0, top = CELLS, bottom = 0;
    for (size_t y = 0; y < CELLS; y += 1) {
        for (size_t x = 0; x < CELLS; x += 1) {
            if (total->cells[y][x] * 4 < peak) continue;
            if (x < left) left = x;
            if (x + 1 > right) right = x + 1;
            if (y < top) top = y;
            if (y + 1 > bottom) bottom = y + 1;
        }
    }
    es_region(finding, (double)left / CELLS, (double)top / CELLS, (double)(right - left) / CELLS,
              (double)(bottom - top) / CELLS, "梳状条纹", "combing");
}

static bool diagnose(es_clip clip, const void *given, es_finding *finding) {
    const config *config = given;
    es_info info = es_clip_info(clip);
    if (info.frames < 2) return es_unsupported_clip("two frames are needed, because only moving objects are combed");
    if (info.height < ROWS) return es_unsupported_clip("the picture has too few rows");
    static count total;
    memset(&total, 0, sizeof total);
    uint32_t pairs = info.frames - 1 < PAIRS ? info.frames - 1 : PAIRS;
    for (uint32_t pair = 0; pair < pairs; pair += 1) {
        uint32_t frame = 1 + (uint32_t)((uint64_t)pair * (info.frames - 1) / pairs);
        es_plane before, now;
        // Native resolution: halving a picture averages its two fields.
        if (!es_luma(clip, frame - 1, 0, &before) || !es_luma(clip, frame, 0, &now)) return false;
        compare(&before, &now, (int)config->contrast, &total);
        es_plane_free(&before);
        es_plane_free(&now);
    }
    double moving_share = total.moving / total.pixels;
    if (moving_share < config->least_moving_share) {
        return es_inconclusive("nothing moves, and only moving objects show whether rows come from two moments");
    }
    double beyond_chance = total.combed > total.by_chance ? total.combed - total.by_chance : 0;
    double share = beyond_chance / total.moving;
    es_metric(finding, "combed_share", share, "share");
    es_metric(finding, "moving_share", moving_share, "share");
    es_decided_by(finding, "combed_share", config->combed_share);
    es_scored(finding, es_score(share, 0, config->combed_share, 0.5));
    if (share <= config->combed_share) return es_normal(finding, "画面为逐行图像。", "The picture is progressive.");
    mark(finding, &total);
    es_suggest(finding, "在录像机或编码器上打开去隔行，或改用逐行扫描的摄像机。",
               "Switch deinterlacing on in the recorder or encoder, or use a progressive camera.");
    char zh[160], en[160];
    snprintf(zh, sizeof zh, "运动物体有梳状条纹：隔行图像未去隔行（运动部分的 %.0f%%）。", 100 * share);
    snprintf(en, sizeof en,
             "Moving objects are combed: the picture was not deinterlaced (%.0f %% of the moving pixels).",
             100 * share);
    return es_warning(finding, zh, en);
}

const es_plugin es_the_plugin = {
    .name = "interlace",
    .version = "1.0.0",
    .title = {"隔行梳状", "Interlace combing"},
    .description = {"隔行信号的奇偶场被合成一帧而未去隔行，运动物体出现梳状条纹。",
                    "Fields of an interlaced signal were woven into one frame, so that moving objects are combed."},
    .min_frames = 2,
    .interval_ms = 0,
    .span_ms = 1000,
    ES_SETTINGS(config, settings),
    .diagnose = diagnose,
};
