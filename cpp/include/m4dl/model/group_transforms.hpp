// The transforms of the non-Abelian X-ray model for one group G of frames, compiled for the
// instruction set at hand.
#pragma once

#include "m4dl/model/frames.hpp"
#include "m4dl/model/non_abelian_xray.hpp"

namespace m4dl {

// Of SO(n) by matrices, n from 2 to NonAbelianXRay::kLargest.
std::shared_ptr<NonAbelianXRay::Transforms> matrix_transforms(Index n);
// The largest takes as long to compile as all others, and has a source of its own.
std::shared_ptr<NonAbelianXRay::Transforms> transforms_of_so5();

namespace groups {

using simd::Real;

constexpr int kL = static_cast<int>(kLanes);

template <int W>
M4DL_INLINE void load(const double* from, int count, Real<W>* to) {
    for (int k = 0; k < count; ++k) to[k] = simd::load<W>(from + k * kL);
}
template <int W>
M4DL_INLINE void store(const Real<W>* from, int count, double* to) {
    for (int k = 0; k < count; ++k) simd::store<W>(to + k * kL, from[k]);
}

// The field at the two points of step k: a nearer to the exit, b nearer to the entry.
template <class G, int W>
M4DL_INLINE void sample(const Paths& paths, const double* field, Index k, int half,
                        typename G::Algebra& a, typename G::Algebra& b) {
    paths.template sample<W, G::kComponents>(field, Paths::kPoints * k + 1, half, a.at);
    paths.template sample<W, G::kComponents>(field, Paths::kPoints * k, half, b.at);
}

template <class G, int W>
M4DL_INLINE void forward_kernel(const Paths& paths, const double* field, double* y, Index begin,
                                Index end) {
    for (Index ray = begin; ray < end; ++ray)
        for (int half = 0; half < kL; half += W) {
            typename G::Frame u = G::identity();
            for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
                typename G::Algebra a, b, w;
                sample<G, W>(paths, field, k, half, a, b);
                G::magnus(paths.width(k), a, b, w);
                G::advance(w, u);
            }
            G::finish(u);
            Real<W> c[G::kOutputs];
            G::observe(u, c);
            store<W>(c, G::kOutputs, y + ray * G::kOutputs * kL + half);
        }
}

template <class G, int W>
M4DL_INLINE void push_kernel(const Paths& paths, const double* field, const double* y,
                             const double* dfield, double* dy, Index begin, Index end) {
    for (Index ray = begin; ray < end; ++ray)
        for (int half = 0; half < kL; half += W) {
            typename G::Algebra xi{};
            for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
                const double h = paths.width(k);
                typename G::Algebra a, b, da, db, w, dw;
                sample<G, W>(paths, field, k, half, a, b);
                sample<G, W>(paths, dfield, k, half, da, db);
                G::magnus(h, a, b, w);
                G::magnus_push(h, a, b, da, db, dw);
                G::along(w, dw, xi);
            }
            const Index at = ray * G::kOutputs * kL + half;
            Real<W> c[G::kOutputs], dc[G::kOutputs];
            load<W>(y + at, G::kOutputs, c);
            G::move(xi, c, dc);
            store<W>(dc, G::kOutputs, dy + at);
        }
}

template <class G, int W>
M4DL_INLINE void pull_kernel(const Paths& paths, const double* field, const double* y,
                             const double* dy, double* dfield) {
    for (Index ray = 0; ray < paths.rays(); ++ray)
        for (int half = 0; half < kL; half += W) {
            const Index at = ray * G::kOutputs * kL + half;
            Real<W> c[G::kOutputs], dc[G::kOutputs];
            load<W>(y + at, G::kOutputs, c);
            load<W>(dy + at, G::kOutputs, dc);
            typename G::Algebra g;
            G::torque(c, dc, g);
            for (Index k = paths.first(ray); k < paths.first(ray + 1); ++k) {
                const double h = paths.width(k);
                typename G::Algebra a, b, w, v, da, db;
                sample<G, W>(paths, field, k, half, a, b);
                G::magnus(h, a, b, w);
                G::back(w, g, v);
                G::magnus_pull(h, a, b, v, da, db);
                paths.template spread<W, G::kComponents>(da.at, Paths::kPoints * k + 1, half,
                                                         dfield);
                paths.template spread<W, G::kComponents>(db.at, Paths::kPoints * k, half, dfield);
            }
        }
}

template <template <int> class G>
class Compiled final : public NonAbelianXRay::Transforms {
public:
    Compiled() : Transforms(G<2>::kComponents, G<2>::kOutputs) {}

    M4DL_DISPATCH(forward_of, forward,
                  (const Paths& paths, const double* field, double* y, Index begin, Index end),
                  (paths, field, y, begin, end))
    M4DL_DISPATCH(pull_of, pull,
                  (const Paths& paths, const double* field, const double* y, const double* dy,
                   double* dfield),
                  (paths, field, y, dy, dfield))
    M4DL_DISPATCH(push_of, push,
                  (const Paths& paths, const double* field, const double* y, const double* dfield,
                   double* dy, Index begin, Index end),
                  (paths, field, y, dfield, dy, begin, end))

private:
    template <int W>
    static M4DL_INLINE void forward_of(const Paths& paths, const double* field, double* y,
                                       Index begin, Index end) {
        forward_kernel<G<W>, W>(paths, field, y, begin, end);
    }
    template <int W>
    static M4DL_INLINE void pull_of(const Paths& paths, const double* field, const double* y,
                                    const double* dy, double* dfield) {
        pull_kernel<G<W>, W>(paths, field, y, dy, dfield);
    }
    template <int W>
    static M4DL_INLINE void push_of(const Paths& paths, const double* field, const double* y,
                                    const double* dfield, double* dy, Index begin, Index end) {
        push_kernel<G<W>, W>(paths, field, y, dfield, dy, begin, end);
    }
};

}  // namespace groups
}  // namespace m4dl
