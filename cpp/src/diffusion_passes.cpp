#include "m4dl/linalg/diffusion_passes.hpp"

#include "m4dl/linalg/diffusion_stages.hpp"

namespace m4dl::diffusion {
namespace {

constexpr int kSweepsOnCoarsest = 4;  // at most 2 x 2 (x 2) nodes

template <int W, int D>
M4DL_INLINE void go_up(const Pass& pass, const SlabRange& r) {
    const Stages<W, D> x{pass, r};
    wavefront<3>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.interpolate(slab);
        if constexpr (stage > 0)
            if (slab % 2 == 2 - stage) x.slabs.relax(slab, true);
    });
}

template <int W, int D>
M4DL_INLINE void coarsest(const Pass& pass) {
    const Slabs<W, D> slabs{pass};
    const Index end = pass.level.grid.slabs - 1;
    for (Index i = 1; i < end; ++i) slabs.clear(i);
    for (int sweep = 0; sweep < 2 * kSweepsOnCoarsest; ++sweep) {
        const bool backward = sweep >= kSweepsOnCoarsest;
        for (int half = 0; half < 2; ++half)
            for (Index i = 1; i < end; ++i)
                if (i % 2 == (backward ? 1 - half : half)) slabs.relax(i, backward);
    }
}

template <int W, int D>
M4DL_INLINE void restrict_rhs(const Pass& pass, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab)
        restrict_slab<W, Restricted::kIntegrals, D>(
            pass.level.grid, pass.coarse->grid, pass.fields.rhs.data(), pass.below->rhs.data(),
            slab, [](Index i) M4DL_INLINE_LAMBDA { return i; });
}

template <int W, int D>
M4DL_INLINE void invert_diagonal(const Pass& pass, Index begin, Index end) {
    const Slabs<W, D> slabs{pass};
    const GridLevel& g = pass.level.grid;
    for (Index slab = begin; slab < end; ++slab)
        for (Index l = D == 2 ? 0 : 1; l < (D == 2 ? 1 : g.lines - 1); ++l)
            slabs.template for_nodes<1>(
                slab, l, 1, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                    store<W>(pass.fields.inverse.data() + here, (Float<W>{} + 1.0f) / row.diagonal);
                });
}

// k of slabs of the next level's cells.
template <int W>
M4DL_INLINE void average_kernel(const Pass& pass, Index begin, Index end) {
    const auto& shares = pass.level.shares;
    const bool plane = shares.size() == 2;
    const Index cells = pass.level.grid.nodes - 1, lines = plane ? 1 : pass.level.grid.lines - 1;
    const DiffusionCycle::Share whole{0, 1, {1.0f, 0.0f}};
    float* to = pass.below->k.data();
    const Index coarse_lines = plane ? 1 : static_cast<Index>(shares[1].size());
    to += begin * coarse_lines * static_cast<Index>(shares.back().size()) * L;
    for (Index i = begin; i < end; ++i)
        for (Index j = 0; j < coarse_lines; ++j)
            for (const auto& c : shares.back()) {
                const auto &a = shares[0][i], &b = plane ? whole : shares[1][j];
                for (int h = 0; h < L; h += kFloatWidth<W>) {
                    Float<W> sum{};
                    for (int p = 0; p < a.count; ++p)
                        for (int q = 0; q < b.count; ++q) {
                            const float w = a.weight[p] * b.weight[q];
                            const float* from =
                                pass.fields.k.data() +
                                (((a.first + p) * lines + b.first + q) * cells + c.first) * L + h;
                            for (int s = 0; s < c.count; ++s)
                                sum += (w * c.weight[s]) * load<W>(from + s * L);
                        }
                    store<W>(to + h, sum);
                }
                to += L;
            }
}
}  // namespace

M4DL_DIFFUSION_PASS(go_up, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_DIFFUSION_PASS(coarsest, (const Pass& pass), (pass))
M4DL_DIFFUSION_PASS(restrict_rhs, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_DIFFUSION_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))

M4DL_DISPATCH(average_kernel, average_slabs, (const Pass& pass, Index begin, Index end),
              (pass, begin, end))

}  // namespace m4dl::diffusion
