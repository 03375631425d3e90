// Restriction to a coarser grid, in single precision over lanes: the transpose of interpolation.hpp.
// Templates for kernels, to be compiled inside them.
#pragma once

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

// What is restricted: values of a function (the transpose in the inner product of lumped mass), or
// integrals over hat functions.
enum class Restricted { kValues, kIntegrals };

template <Restricted R>
M4DL_INLINE const std::array<double, 3>& gather_weights(const Coarsening& c, Index node) {
    if constexpr (R == Restricted::kValues)
        return c.gather[node];
    else
        return c.hat[node];
}

// visit(slab, line, weight) for the fine lines around a coarse one. D: dimensions.
template <Restricted R, int D, class Visit>
M4DL_INLINE void for_lines_around(const GridLevel& g, Index slab, Index line, Visit&& visit) {
    const Index i = g.coarsening[0].kept[slab], l = D == 2 ? 0 : g.coarsening[1].kept[line];
    for (Index da = -1; da <= 1; ++da)
        for (Index db = D == 2 ? 0 : -1; db <= (D == 2 ? 0 : 1); ++db) {
            double w = gather_weights<R>(g.coarsening[0], slab)[da + 1];
            if constexpr (D == 3) w *= gather_weights<R>(g.coarsening[1], line)[db + 1];
            if (w != 0.0) visit(i + da, l + db, static_cast<float>(w));
        }
}

// One coarse line, out, from row(k, h): node k of the fine lines around it, summed with their
// weights, lanes from h on.
template <int W, Restricted R, class At>
M4DL_INLINE void restrict_line(const Coarsening& along, Index coarse_nodes, Index nodes, float* out,
                               At&& row) {
    using simd::Float;
    constexpr int L = static_cast<int>(kLanes);
    for (int h = 0; h < L; h += simd::kFloatWidth<W>) {
        auto put = [&](Index c, const Float<W>& value)
                       M4DL_INLINE_LAMBDA { simd::store<W>(out + c * L + h, value); };
        if (!along.halved()) {
            for (Index c = 1; c + 1 < coarse_nodes; ++c) put(c, row(c, h));
            continue;
        }
        Float<W> before{};
        if (along.kept[1] > 1) before = row(along.kept[1] - 1, h);
        auto at_end = [&](Index c) M4DL_INLINE_LAMBDA {
            const Index k = along.kept[c];
            const auto& w = gather_weights<R>(along, c);
            Float<W> after{};
            if (k + 1 < nodes - 1) after = row(k + 1, h);
            put(c, static_cast<float>(w[0]) * before + static_cast<float>(w[1]) * row(k, h) +
                       static_cast<float>(w[2]) * after);
            before = after;
        };
        // All but the outermost coarse nodes gather with the same weights.
        const Index last = coarse_nodes - 2;
        at_end(1);
        if (last > 2) {
            const auto& w = gather_weights<R>(along, 2);
            const float side = static_cast<float>(w[0]), middle = static_cast<float>(w[1]);
            for (Index c = 2, k = along.kept[2]; c < last; ++c, k += 2) {
                const Float<W> after = row(k + 1, h);
                put(c, side * (before + after) + middle * row(k, h));
                before = after;
            }
        }
        if (last > 1) at_end(last);
    }
}

// One slab of a field on the coarser grid, out, from one on the finer. `place(slab)`: where a slab of
// the finer field lies.
template <int W, Restricted R, int D, class Place>
M4DL_INLINE void restrict_slab(const GridLevel& g, const GridLevel& coarse, const float* field,
                               float* out, Index slab, Place&& place) {
    constexpr int L = static_cast<int>(kLanes);
    for (Index line = D == 2 ? 0 : 1; line < (D == 2 ? 1 : coarse.lines - 1); ++line) {
        const float* near[9];
        float weight[9];
        int count = 0;
        for_lines_around<R, D>(g, slab, line, [&](Index i, Index l, float w) M4DL_INLINE_LAMBDA {
            near[count] = field + g.line(place(i), l) * L;
            weight[count++] = w;
        });
        restrict_line<W, R>(g.coarsening[D - 1], coarse.nodes, g.nodes,
                            out + coarse.line(slab, line) * L,
                            [&](Index k, int h) M4DL_INLINE_LAMBDA {
                                simd::Float<W> sum{};
                                for (int q = 0; q < count; ++q)
                                    sum += weight[q] * simd::load<W>(near[q] + k * L + h);
                                return sum;
                            });
    }
}

}  // namespace m4dl
