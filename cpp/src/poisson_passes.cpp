#include "m4dl/linalg/poisson_passes.hpp"

#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl::poisson {
namespace {

constexpr int kSweepsOnCoarsest = 6;  // at most 2 x 2 (x 2) nodes: one sweep reduces errors by 4

// Restriction of all of a right-hand side (or of f).
template <int W, int K>
M4DL_INLINE void restrict_rhs(const Pass& pass, Index begin, Index end) {
    for (Index slab = begin; slab < end; ++slab)
        restrict_slab<W, Restricted::kValues, K / 2 + 1>(
            pass.level, *pass.coarse, pass.fields.rhs.data(), pass.below->rhs.data(), slab,
            [](Index i) M4DL_INLINE_LAMBDA { return i; });
}

template <int W, int K>
M4DL_INLINE void coarsest(const Pass& pass) {
    const Smoother<W, K> smooth{pass.level, pass.fields};
    const Index slabs = pass.level.slabs;
    for (Index i = 1; i + 1 < slabs; ++i) smooth.clear(i);
    for (int sweep = 0; sweep < kSweepsOnCoarsest; ++sweep)
        for (Index colour = 0; colour < 2; ++colour)
            for (Index i = 1; i + 1 < slabs; ++i) smooth.relax(i, colour);
}

// 1/diagonal of every node from f, which lies in the place of the right-hand side.
template <int W, int K>
M4DL_INLINE void invert_diagonal(const Pass& pass, Index begin, Index end) {
    const PoissonLevel& g = pass.level;
    for (Index slab = begin; slab < end; ++slab)
        for_lines<K / 2 + 1>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const Stencil<K, float> s(g, slab, l);
            auto invert = [&](Index k, float along) M4DL_INLINE_LAMBDA {
                for (int h = 0; h < L; h += kFloatWidth<W>) {
                    const Index here = (at + k) * L + h;
                    const Float<W> d = (s.total() + along) + load<W>(pass.fields.rhs.data() + here);
                    store<W>(pass.fields.inverse.data() + here, (Float<W>{} + 1.0f) / d);
                }
            };
            s.for_nodes(
                1, 1,
                [&](Index k, float below, float above)
                    M4DL_INLINE_LAMBDA { invert(k, below + above); },
                [&](Index k, Index stop, float along) M4DL_INLINE_LAMBDA {
                    for (; k < stop; ++k) invert(k, along + along);
                });
        });
}

}  // namespace

M4DL_POISSON_PASS(coarsest, (const Pass& pass), (pass))
M4DL_POISSON_PASS(restrict_rhs, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_POISSON_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))

}  // namespace m4dl::poisson
