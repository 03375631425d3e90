// Linear interpolation from a coarser grid, in single precision over lanes: what every multigrid
// method here does to its corrections. A template for kernels, to be compiled inside them.
#pragma once

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

// u += P e on one slab of `g`, or u := P e. K = 2 in two dimensions, 4 in three: the coarse lines
// around a line.
template <int W, int K, bool Assign = false>
M4DL_INLINE void interpolate_slab(const GridLevel& g, const GridLevel& coarse, const float* e,
                                  float* u, Index slab) {
    constexpr int L = static_cast<int>(kLanes), V = simd::kFloatWidth<W>;
    using Float = simd::Float<W>;
    const Coarsening& along = g.coarsening[K / 2];
    for (Index l = K == 2 ? 0 : 1; l < (K == 2 ? 1 : g.lines - 1); ++l) {
        const Index where[2] = {slab, l};
        const float* line[K];
        float weight[K];
        int count = 0;
        for (int corner = 0; corner < K; ++corner) {
            Index node[2] = {0, 0};
            double w = 1.0;
            for (int a = 0; a < K / 2; ++a) {
                const Coarsening& c = g.coarsening[a];
                const bool next = (corner >> a) & 1;
                w *= next ? c.b[where[a]] : c.a[where[a]];
                node[a] = c.left[where[a]] + next;
            }
            if (w == 0.0) continue;
            line[count] = e + coarse.line(node[0], node[1]) * L;
            weight[count++] = static_cast<float>(w);
        }
        float* const fine = u + g.line(slab, l) * L;
        for (int h = 0; h < L; h += V) {
            auto across = [&](Index node) M4DL_INLINE_LAMBDA {
                Float sum = weight[0] * simd::load<W>(line[0] + node * L + h);
                for (int q = 1; q < count; ++q)
                    sum += weight[q] * simd::load<W>(line[q] + node * L + h);
                return sum;
            };
            auto add = [&](Index k, const Float& value) M4DL_INLINE_LAMBDA {
                float* here = fine + k * L + h;
                if constexpr (Assign)
                    simd::store<W>(here, value);
                else
                    simd::store<W>(here, simd::load<W>(here) + value);
            };
            Float left{};  // the coarse field at node c
            Index k = 1;
            auto interval = [&](Index c) M4DL_INLINE_LAMBDA {
                const Float right = across(c + 1);
                for (; k < along.kept[c + 1]; ++k)
                    add(k, static_cast<float>(along.a[k]) * left +
                               static_cast<float>(along.b[k]) * right);
                if (k < g.nodes - 1) add(k++, right);
                left = right;
            };
            // All but the outermost intervals are two equal cells, or one.
            const Index last = coarse.nodes - 2;
            interval(0);
            if (along.halved())
                for (Index c = 1; c < last; ++c, k += 2) {
                    const Float right = across(c + 1);
                    add(k, 0.5f * (left + right));
                    add(k + 1, right);
                    left = right;
                }
            else
                for (Index c = 1; c < last; ++c) interval(c);
            if (last > 0) interval(last);
        }
    }
}

}  // namespace m4dl
