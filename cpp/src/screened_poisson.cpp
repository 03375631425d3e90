#include "m4dl/linalg/screened_poisson.hpp"

#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl {
namespace {

using namespace poisson;
using simd::Real;

// Error estimates trust no rate of convergence of a cycle below this: the first ones may be lucky.
// What nested iteration reached says less about the cycles that follow.
// Slow convergence is irregular: there the estimate is doubled.
constexpr double kFastestRate = 0.05, kFastestRateAtFirst = 0.1, kSlowRate = 0.2;

// u += correction in the lanes still at work, and the residual b - A u, in double precision.
struct Refinement {
    Pass pass;                 // over the finest level: the correction and the residual
    const Index* coefficient;  // per line inside: its first row in c
    const double *c, *b;       // b on the nodes inside
    double* u;
    const double* active;  // per lane: 1 or 0
    double* sums;          // per slab: |correction|^2 and |u|^2
    bool fresh;            // u has not been written yet: it is 0
};

template <int W, int K>
struct Refiner {
    const Refinement& x;
    const PoissonLevel& g = x.pass.level;

    M4DL_INLINE void correct(Index slab) const {
        for (int h = 0; h < L; h += W) {
            // Two of each sum, as an addition takes several cycles.
            Real<W> zz[2] = {}, uu[2] = {};
            const Real<W> active = load<W>(x.active + h);
            const bool fresh = x.fresh;
            for_lines<K / 2 + 1>(g, slab, [&](Index, Index at) M4DL_INLINE_LAMBDA {
                auto one = [&](Index k, int which) M4DL_INLINE_LAMBDA {
                    Real<W> z;
                    simd::widen<W>(x.pass.fields.u.data() + k * L + h, z);
                    double* here = x.u + k * L + h;
                    const Real<W> u = fresh ? z : load<W>(here) + active * z;
                    store<W>(here, u);
                    zz[which] += z * z;
                    uu[which] += u * u;
                };
                Index k = at + 1;
                for (; k + 1 < at + g.nodes - 1; k += 2) {
                    one(k, 0);
                    one(k + 1, 1);
                }
                if (k < at + g.nodes - 1) one(k, 0);
            });
            store<W>(x.sums + slab * 2 * L + h, zz[0] + zz[1]);
            store<W>(x.sums + (slab * 2 + 1) * L + h, uu[0] + uu[1]);
        }
    }

    M4DL_INLINE void residual(Index slab) const {
        for_lines<K / 2 + 1>(g, slab, [&](Index l, Index at) M4DL_INLINE_LAMBDA {
            const Stencil<K, double> s(g, slab, l);
            const Index line = K == 2 ? slab - 1 : (slab - 1) * (g.lines - 2) + l - 1;
            for (int h = 0; h < L; h += W) {
                const double* u = x.u + at * L + h;
                const double* b = x.b + (line * (g.nodes - 2) - 1) * L + h;
                const double* f = x.c + (x.coefficient[line] - 1) * L + h;
                auto row = [&](Index k) M4DL_INLINE_LAMBDA { return load<W>(u + k * L); };
                auto put = [&](Index k, const Real<W>& neighbours, const Real<W>& here,
                               double along) M4DL_INLINE_LAMBDA {
                    const Real<W> own = (s.total() + along) + load<W>(f + k * L);
                    simd::narrow<W>(load<W>(b + k * L) + neighbours - own * here,
                                    x.pass.fields.rhs.data() + (at + k) * L + h);
                };
                s.for_nodes(
                    1, 1,
                    [&](Index k, double below, double above) M4DL_INLINE_LAMBDA {
                        auto near = [&](Index o) M4DL_INLINE_LAMBDA { return row(k + o); };
                        put(k, s.beside(near) + (below * row(k - 1) + above * row(k + 1)), row(k),
                            below + above);
                    },
                    [&](Index k, Index end, double along) M4DL_INLINE_LAMBDA {
                        Real<W> left = row(k - 1), here = row(k);
                        for (; k < end; ++k) {
                            auto near = [&](Index o) M4DL_INLINE_LAMBDA { return row(k + o); };
                            const Real<W> right = row(k + 1);
                            put(k, s.beside(near) + along * (left + right), here, along + along);
                            left = here;
                            here = right;
                        }
                    });
            }
        });
    }
};

// The end of a cycle and the correction.
template <int W, int K>
M4DL_INLINE void up_and_correct(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<4>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) s.template up<stage>(slab);
        if constexpr (stage == 3) refine.correct(slab);
    });
}

// The residual and the beginning of a cycle.
template <int W, int K>
M4DL_INLINE void residual_and_down(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<4>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) refine.residual(slab);
        s.template down<stage>(slab);
    });
}

// Both.
template <int W, int K>
M4DL_INLINE void turn_and_refine(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<8>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) s.template up<stage>(slab);
        if constexpr (stage == 3) refine.correct(slab);
        if constexpr (stage == 4) refine.residual(slab);
        if constexpr (stage >= 4) s.template down<stage - 4>(slab);
    });
}

// The residual alone.
template <int W, int K>
M4DL_INLINE void residual(const Refinement& x, const SlabRange& r) {
    for (Index slab = r.begin; slab < r.end; ++slab) Refiner<W, K>{x}.residual(slab);
}

#define M4DL_PASS(name)                                                       \
    template <int W>                                                          \
    M4DL_INLINE void name##_kernel(const Refinement& x, const SlabRange& r) { \
        x.pass.level.plane() ? name<W, 2>(x, r) : name<W, 4>(x, r);           \
    }                                                                         \
    M4DL_DISPATCH(name##_kernel, name##_slabs, (const Refinement& x, const SlabRange& r), (x, r))

M4DL_PASS(up_and_correct)
M4DL_PASS(residual_and_down)
M4DL_PASS(turn_and_refine)
M4DL_PASS(residual)
#undef M4DL_PASS

// The error that is left in each lane, as far as the corrections tell.
struct ErrorEstimate {
    Lanes previous = lanes_nan();  // size of the last correction
    int cycles = 0;                // that it took; 0 before the first one
    bool nested = true;            // it was a nested iteration

    // After a correction of size z by some cycles. The error was close to z, and the last correction
    // left it of the last one's: that tells the rate.
    double left(Index lane, double z, int now) const {
        if (cycles == 0) return std::numeric_limits<double>::infinity();
        const double ratio = z / previous[lane];
        const double rate = std::max(cycles == 1 ? ratio : std::sqrt(ratio),
                                     nested ? kFastestRateAtFirst : kFastestRate);
        if (!(rate < 1.0)) return std::numeric_limits<double>::infinity();
        const double reduced = now == 1 ? rate : rate * rate;
        return reduced / (1.0 - reduced) * (rate < kSlowRate ? z : 2.0 * z);
    }
};

}  // namespace

ScreenedPoisson::ScreenedPoisson(std::vector<Axis> axes, double scale,
                                 std::vector<Index> coefficient)
    : levels_(std::move(axes), scale), coefficient_(std::move(coefficient)) {
    for (const Axis& x : levels_[0].axes) unknowns_ *= x.cells() - 1;
}

ScreenedPoisson::Workspace ScreenedPoisson::workspace() const {
    Workspace w;
    w.cycle = levels_.workspace();
    w.u = zeros(levels_[0].size());
    w.sums.resize(static_cast<std::size_t>(2 * levels_[0].slabs * kLanes));
    return w;
}

void ScreenedPoisson::set(const Block& c, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    w.c = c.data();
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            w.cycle[0].rhs.middleRows(at, count) =
                c.middleRows(coefficient_[inside / count], count).cast<float>();
        });
    });
    PoissonCycle{levels_, w.cycle}.set();
}

void ScreenedPoisson::solve(Block& x, const Vector* guess, const Lanes& unit, double tolerance,
                            int max_cycles, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    const PoissonCycle cycle{levels_, w.cycle};
    Lanes active = Lanes::Ones(), failed = Lanes::Zero();
    Refinement refinement{cycle.pass(0), coefficient_.data(), w.c,           x.data(),
                          w.u.data(),    active.data(),       w.sums.data(), !guess};
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            if (guess)
                for (Index k = 0; k < count; ++k) w.u.row(at + k) = unit * (*guess)[inside + k];
            else
                w.cycle[0].rhs.middleRows(at, count) = x.middleRows(inside, count).cast<float>();
        });
    });
    if (guess) sweep(g, 1, [&](const SlabRange& r) { residual_slabs(refinement, r); });

    w.cycles = Lanes::Zero();
    ErrorEstimate error;
    begin_nested_iteration(cycle);
    for (int done = 0, round = 0;; ++round) {
        const int cycles = round == 1 || round == 2 ? 2 : 1;
        if (cycles == 2 && cycle.bottom() > 0) {
            cycle.up_and_down(0);
            v_cycle(cycle, 1);
        }
        // Where this is unlikely to be the end, the next cycle begins at once.
        const bool more = round == 0 || (round == 1 && !guess);
        if (more)
            sweep(g, 8, [&](const SlabRange& r) { turn_and_refine_slabs(refinement, r); });
        else
            sweep(g, 4, [&](const SlabRange& r) { up_and_correct_slabs(refinement, r); });
        refinement.fresh = false;
        done += cycles;
        Lanes zz = Lanes::Zero(), uu = Lanes::Zero();
        for (Index i = 1; i + 1 < g.slabs; ++i) {
            zz += Eigen::Map<const Lanes>(w.sums.data() + 2 * i * kLanes);
            uu += Eigen::Map<const Lanes>(w.sums.data() + (2 * i + 1) * kLanes);
        }
        w.cycles += cycles * active;
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            const double z = std::sqrt(zz[lane]), u = std::sqrt(uu[lane]);
            // f beyond the range of single precision leaves nothing to correct.
            const bool solved = z == 0.0 ? u > 0.0 || (x.col(lane) == 0.0).all()
                                         : error.left(lane, z, cycles) <= tolerance * u;
            error.previous[lane] = z;
            if (solved)
                active[lane] = 0.0;
            else if (!(u < std::numeric_limits<double>::infinity()) || done >= max_cycles) {
                active[lane] = 0.0;
                failed[lane] = std::numeric_limits<double>::quiet_NaN();
            }
        }
        if ((active == 0.0).all()) break;
        error.cycles = cycles;
        error.nested = round == 0;
        if (!more) sweep(g, 4, [&](const SlabRange& r) { residual_and_down_slabs(refinement, r); });
        cycle.bottom() > 0 ? v_cycle(cycle, 1) : cycle.solve_coarsest();
    }
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            for (Index k = 0; k < count; ++k) x.row(inside + k) = w.u.row(at + k) + failed;
        });
    });
}

}  // namespace m4dl
