#include "m4dl/linalg/diffusion_cycle.hpp"

#include "m4dl/linalg/diffusion_stages.hpp"
#include "m4dl/linalg/multigrid.hpp"

namespace m4dl {
namespace {

using namespace diffusion;

constexpr int kSweepsOnCoarsest = 4;  // at most 2 x 2 (x 2) nodes

using Level = DiffusionCycle::Level;

template <int W, int D>
M4DL_INLINE void go_down(const Pass& pass, const SlabRange& r) {
    const Stages<W, D> x{pass, r};
    if constexpr (D == 2)
        wavefront<4>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
            if constexpr (stage < 2)
                if (slab % 2 == stage) x.slabs.relax_from_zero(slab);
            if constexpr (stage == 2) x.slabs.residual_from_zero(slab, x.ring.place(slab));
            if constexpr (stage == 3) x.restrict_residual(slab);
        });
    else
        wavefront<5>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
            if constexpr (stage == 0) x.slabs.clear(slab);
            if constexpr (stage == 1 || stage == 2)
                if (slab % 2 == stage - 1) x.slabs.relax(slab, false);
            if constexpr (stage == 3) x.slabs.residual(slab, x.ring.place(slab));
            if constexpr (stage == 4) x.restrict_residual(slab);
        });
}

template <int W, int D>
M4DL_INLINE void go_down_from_coarse(const Pass& pass, const SlabRange& r) {
    const Stages<W, D> x{pass, r};
    wavefront<5>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.template interpolate<true>(slab);
        if constexpr (stage == 1 || stage == 2)
            if (slab % 2 == stage - 1) x.slabs.relax(slab, false);
        if constexpr (stage == 3) x.slabs.residual(slab, x.ring.place(slab));
        if constexpr (stage == 4) x.restrict_residual(slab);
    });
}

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
M4DL_DISPATCH(average_kernel, average_slabs, (const Pass& pass, Index begin, Index end),
              (pass, begin, end))

#define M4DL_PASS(name, parameters, arguments)  \
    template <int W>                            \
    M4DL_INLINE void name##_kernel parameters { \
        if (pass.level.grid.plane())            \
            name<W, 2> arguments;               \
        else                                    \
            name<W, 3> arguments;               \
    }                                           \
    M4DL_DISPATCH(name##_kernel, name##_slabs, parameters, arguments)

M4DL_PASS(go_down, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_down_from_coarse, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(go_up, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_PASS(coarsest, (const Pass& pass), (pass))
M4DL_PASS(restrict_rhs, (const Pass& pass, Index begin, Index end), (pass, begin, end))
M4DL_PASS(invert_diagonal, (const Pass& pass, Index begin, Index end), (pass, begin, end))
#undef M4DL_PASS

struct Hierarchy {
    const std::vector<Level>& levels;
    DiffusionCycle::Workspace& fields;

    int bottom() const { return static_cast<int>(levels.size()) - 1; }
    Pass pass(int k) const {
        if (k == bottom()) return {levels[k], fields[k], nullptr, nullptr};
        return {levels[k], fields[k], &levels[k + 1], &fields[k + 1]};
    }
    void down(int k) const {
        const GridLevel& g = levels[k].grid;
        sweep(g, g.plane() ? 4 : 5, [&](const SlabRange& r) { go_down_slabs(pass(k), r); });
    }
    void down_from_coarse(int k) const {
        sweep(levels[k].grid, 5,
              [&](const SlabRange& r) { go_down_from_coarse_slabs(pass(k), r); });
    }
    void up(int k) const {
        sweep(levels[k].grid, 3, [&](const SlabRange& r) { go_up_slabs(pass(k), r); });
    }
    void restrict_rhs(int k) const {
        for_slabs(levels[k + 1].grid,
                  [&](Index begin, Index end) { restrict_rhs_slabs(pass(k), begin, end); });
    }
    void solve_coarsest() const { coarsest_slabs(pass(bottom())); }
    void invert_diagonal(int k) const {
        for_slabs(levels[k].grid,
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass(k), begin, end); });
    }
    void average(int k) const {
        const GridLevel& coarse = levels[k + 1].grid;
        for_ranges(coarse.slabs - 1, coarse.lines * coarse.nodes,
                   [&](Index begin, Index end) { average_slabs(pass(k), begin, end); });
    }
};
static_assert(MultigridPasses<Hierarchy>);

Index cells_of(const GridLevel& g) {
    Index n = 1;
    for (const Axis& x : g.axes) n *= x.cells();
    return n;
}

std::vector<DiffusionCycle::Share> shares_of(const Coarsening& c, const Axis& fine) {
    std::vector<DiffusionCycle::Share> out;
    for (Index cell = 0; cell < c.coarse.cells(); ++cell) {
        DiffusionCycle::Share s{c.kept[cell], 0, {0.0f, 0.0f}};
        for (Index k = c.kept[cell]; k < c.kept[cell + 1]; ++k)
            s.weight[s.count++] = static_cast<float>(fine.width(k) / c.coarse.width(cell));
        out.push_back(s);
    }
    return out;
}

}  // namespace

DiffusionCycle::DiffusionCycle(std::vector<Axis> axes) {
    for (GridLevel& g : nested_grids(std::move(axes))) {
        const Elements<float> elements(g.axes);
        std::vector<std::vector<Share>> shares;
        for (std::size_t a = 0; a < g.coarsening.size(); ++a)
            shares.push_back(shares_of(g.coarsening[a], g.axes[a]));
        levels_.push_back({std::move(g), elements, std::move(shares)});
    }
}

DiffusionCycle::Workspace DiffusionCycle::workspace() const {
    Workspace w;
    for (const Level& level : levels_) {
        auto field = [&] { return zeros<FloatBlock>(level.grid.size()); };
        w.push_back({zeros<FloatBlock>(cells_of(level.grid)), field(), field(), field(), field()});
    }
    return w;
}

void DiffusionCycle::set(Workspace& w) const {
    const Hierarchy h{levels_, w};
    for (int k = 0; k <= h.bottom(); ++k) {
        h.invert_diagonal(k);
        if (k < h.bottom()) h.average(k);
    }
}

void DiffusionCycle::v_cycle(Workspace& w) const { m4dl::v_cycle(Hierarchy{levels_, w}, 0); }

void DiffusionCycle::nested_iteration(Workspace& w) const {
    const Hierarchy h{levels_, w};
    begin_nested_iteration(h);
    if (h.bottom() > 0) h.up(0);
}

}  // namespace m4dl
