#include "m4dl/linalg/poisson_cycle.hpp"

#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl {
namespace {

using namespace poisson;

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
M4DL_INLINE void go_down(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<4>([&](auto stage, Index slab)
                         M4DL_INLINE_LAMBDA { x.template down<stage>(slab); });
}

template <int W, int K>
M4DL_INLINE void go_up(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<3>([&](auto stage, Index slab)
                         M4DL_INLINE_LAMBDA { x.template up<stage>(slab); });
}

// From the coarser solution.
template <int W, int K>
M4DL_INLINE void go_down_from_coarse(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<5>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.template interpolate<true>(slab);
        if constexpr (stage == 1) x.smooth.relax(slab, 0);
        if constexpr (stage == 2) x.relax_black_and_note(slab);
        if constexpr (stage == 4) x.restrict_noted(slab);
    });
}

// Up, and down again from there.
template <int W, int K>
M4DL_INLINE void turn(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<7>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) x.template up<stage>(slab);
        if constexpr (stage == 3) x.smooth.relax(slab, 0);
        if constexpr (stage == 4) x.relax_black_and_note(slab);
        if constexpr (stage == 6) x.restrict_noted(slab);
    });
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

#define M4DL_PASS(name, parameters, arguments)  \
    template <int W>                            \
    M4DL_INLINE void name##_kernel parameters { \
        if (pass.level.plane())                 \
            name<W, 2> arguments;               \
        else                                    \
            name<W, 4> arguments;               \
    }                                           \
    M4DL_DISPATCH(name##_kernel, name##_slabs, parameters, arguments)

M4DL_PASS(go_down, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_down_from_coarse, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_up, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(turn, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(coarsest, (const Pass& pass), (pass))
M4DL_PASS(restrict_rhs, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))
#undef M4DL_PASS

}  // namespace

void PoissonCycle::down(int k) const {
    sweep(level(k), 4, [&](const SlabRange& r) { go_down_slabs(pass(k), r); });
}
void PoissonCycle::down_from_coarse(int k) const {
    sweep(level(k), 5, [&](const SlabRange& r) { go_down_from_coarse_slabs(pass(k), r); });
}
void PoissonCycle::up(int k) const {
    sweep(level(k), 3, [&](const SlabRange& r) { go_up_slabs(pass(k), r); });
}
void PoissonCycle::up_and_down(int k) const {
    sweep(level(k), 7, [&](const SlabRange& r) { turn_slabs(pass(k), r); });
}
void PoissonCycle::restrict_rhs(int k) const {
    for_slabs(level(k + 1),
              [&](Index begin, Index end) { restrict_rhs_slabs(pass(k), begin, end); });
}
void PoissonCycle::solve_coarsest() const { coarsest_slabs(pass(bottom())); }

void PoissonCycle::set() const {
    for (int k = 0; k <= bottom(); ++k) {
        for_slabs(level(k),
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass(k), begin, end); });
        if (k < bottom()) restrict_rhs(k);
    }
}

PoissonLevels::PoissonLevels(std::vector<Axis> axes, double scale) {
    for (GridLevel& grid : nested_grids(std::move(axes))) {
        PoissonLevel& g = emplace_back(PoissonLevel{std::move(grid), {}, {}, 0});
        for (const Axis& x : g.axes) {
            auto &below = g.below.emplace_back(x.cells() + 1),
                 &above = g.above.emplace_back(x.cells() + 1);
            for (Index k = 1; k < x.cells(); ++k) {
                below[k] = scale / (x.width(k - 1) * x.mass(k));
                above[k] = scale / (x.width(k) * x.mass(k));
            }
        }
        for (const Coarsening& c : g.coarsening) g.red += c.parity();
    }
}

PoissonLevels::Workspace PoissonLevels::workspace() const {
    Workspace w;
    for (const PoissonLevel& g : *this) {
        auto field = [&] { return zeros<FloatBlock>(g.size()); };
        w.push_back({field(), field(), field(), field()});
    }
    return w;
}

}  // namespace m4dl
