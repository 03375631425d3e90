// What refinement does with one slab: templates for kernels, as in poisson_stages.hpp.
#pragma once

#include "m4dl/linalg/poisson_refinement.hpp"
#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl::poisson {

using simd::Real;

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

// Defines name_slabs, of poisson_refinement.hpp, by the template name<W, K>.
#define M4DL_REFINEMENT_PASS(name)                                            \
    template <int W>                                                          \
    M4DL_INLINE void name##_kernel(const Refinement& x, const SlabRange& r) { \
        x.pass.level.plane() ? name<W, 2>(x, r) : name<W, 4>(x, r);           \
    }                                                                         \
    M4DL_DISPATCH(name##_kernel, name##_slabs, (const Refinement& x, const SlabRange& r), (x, r))

}  // namespace m4dl::poisson
