#include "m4dl/model/attenuated_xray.hpp"

#include "m4dl/base/exponential.hpp"

namespace m4dl {
namespace {

using simd::Real;

constexpr int kL = static_cast<int>(kLanes), kC = UnknownAttenuationXRay::kComponents;
constexpr double kRoot3 = 1.7320508075688772935;
// Butcher's matrix of the method, in the order in which the stages are passed from the exit on.
constexpr double kStage[2][2] = {{0.25, 0.25 - kRoot3 / 6.0}, {0.25 + kRoot3 / 6.0, 0.25}};

// One step of a ray for W lanes: source and attenuation at its two stages, the light that reaches the
// detector from there, and the optical depth on the way.
template <int W>
struct Step {
    Real<W> at[2][kC];  // (f, a)
    Real<W> passed[2];  // exp(-L) at the stages
    Real<W> light[2];

    M4DL_INLINE Step(const Paths& paths, const double* field, Index k, int half,
                     const Real<W>& depth) {
        const double h = paths.width(k);
        for (int s = 0; s < 2; ++s)  // the point nearer to the exit first
            paths.template sample<W, kC>(field, Paths::kPoints * k + 1 - s, half, at[s]);
        for (int s = 0; s < 2; ++s) {
            const Real<W> here = depth + h * (kStage[s][0] * at[0][1] + kStage[s][1] * at[1][1]);
            passed[s] = simd::exponential<W>(-here);
            light[s] = 0.5 * h * at[s][0] * passed[s];
        }
    }
};

template <int W>
M4DL_INLINE void forward_kernel(const Paths& paths, const double* field, double* y, Index begin,
                                Index end) {
    for (Index ray = begin; ray < end; ++ray)
        for (int half = 0; half < kL; half += W) {
            Real<W> sum{}, depth{};
            for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
                const Step<W> step(paths, field, k, half, depth);
                sum += step.light[0] + step.light[1];
                depth += 0.5 * paths.width(k) * (step.at[0][1] + step.at[1][1]);
            }
            simd::store<W>(y + ray * kL + half, sum);
        }
}

// d y = sum over steps of passed . df - (all the light from there on, and from the step itself) . da.
template <int W>
M4DL_INLINE void pull_kernel(const Paths& paths, const double* field, const double* y,
                             const double* dy, double* dfield) {
    for (Index ray = 0; ray < paths.rays(); ++ray)
        for (int half = 0; half < kL; half += W) {
            const Real<W> w = simd::load<W>(dy + ray * kL + half);
            Real<W> beyond = simd::load<W>(y + ray * kL + half), depth{};
            for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
                const double h = paths.width(k);
                const Step<W> step(paths, field, k, half, depth);
                beyond -= step.light[0] + step.light[1];
                for (int s = 0; s < 2; ++s) {
                    const Real<W> shaded = h * (kStage[0][s] * step.light[0] +
                                                kStage[1][s] * step.light[1] + 0.5 * beyond);
                    const Real<W> d[kC] = {0.5 * h * w * step.passed[s], -w * shaded};
                    paths.template spread<W, kC>(d, Paths::kPoints * k + 1 - s, half, dfield);
                }
                depth += 0.5 * h * (step.at[0][1] + step.at[1][1]);
            }
        }
}

template <int W>
M4DL_INLINE void push_kernel(const Paths& paths, const double* field, const double* dfield,
                             double* dy, Index begin, Index end) {
    for (Index ray = begin; ray < end; ++ray)
        for (int half = 0; half < kL; half += W) {
            Real<W> sum{}, depth{}, ddepth{};
            for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
                const double h = paths.width(k);
                const Step<W> step(paths, field, k, half, depth);
                Real<W> d[2][kC];
                for (int s = 0; s < 2; ++s)
                    paths.template sample<W, kC>(dfield, Paths::kPoints * k + 1 - s, half, d[s]);
                for (int s = 0; s < 2; ++s) {
                    const Real<W> here =
                        ddepth + h * (kStage[s][0] * d[0][1] + kStage[s][1] * d[1][1]);
                    sum += 0.5 * h * step.passed[s] * d[s][0] - step.light[s] * here;
                }
                depth += 0.5 * h * (step.at[0][1] + step.at[1][1]);
                ddepth += 0.5 * h * (d[0][1] + d[1][1]);
            }
            simd::store<W>(dy + ray * kL + half, sum);
        }
}

M4DL_DISPATCH(forward_kernel, forward_rays,
              (const Paths& paths, const double* field, double* y, Index begin, Index end),
              (paths, field, y, begin, end))
M4DL_DISPATCH(pull_kernel, pull_rays,
              (const Paths& paths, const double* field, const double* y, const double* dy,
               double* dfield),
              (paths, field, y, dy, dfield))
M4DL_DISPATCH(push_kernel, push_rays,
              (const Paths& paths, const double* field, const double* dfield, double* dy,
               Index begin, Index end),
              (paths, field, dfield, dy, begin, end))

}  // namespace

std::vector<double> AttenuatedXRay::weights(const Paths& paths, const Vector& a) {
    const Index points = Paths::kPoints * paths.steps();
    require(a.size() == points, "attenuation must be given at ", points, " points, got ", a.size());
    std::vector<double> scale(static_cast<std::size_t>(points));
    for (Index ray = 0; ray < paths.rays(); ++ray) {
        double depth = 0.0;
        for (Index k = paths.first(ray + 1) - 1; k >= paths.first(ray); --k) {
            const double h = paths.width(k), near = a[2 * k + 1], far = a[2 * k];
            for (int s = 0; s < 2; ++s)
                scale[2 * k + 1 - s] =
                    0.5 * h * std::exp(-depth - h * (kStage[s][0] * near + kStage[s][1] * far));
            depth += 0.5 * h * (near + far);
        }
    }
    return scale;
}

void UnknownAttenuationXRay::forward(const Block& theta, Block& y, Workspace& w) const {
    const Index n = paths_.nodes();
    w.psi = theta.bottomRows(n);
    link_.apply(w.psi, w.a, w.slope);
    w.split.topRows(n) = theta.topRows(n);
    w.split.bottomRows(n) = link_.own_derivative() ? w.slope : w.a;
    paths_.interleave(w.split, kC, w.field);
    for_ranges(paths_.rays(), paths_.work(kC), [&](Index begin, Index end) {
        forward_rays(paths_, w.field.data(), y.data(), begin, end);
    });
    w.y = y;
}

void UnknownAttenuationXRay::pull(const Block& dy, Block& dtheta, Workspace& w) const {
    w.tangent.setZero();
    pull_rays(paths_, w.field.data(), w.y.data(), dy.data(), w.tangent.data());
    paths_.separate(w.tangent, kC, dtheta);
    dtheta.bottomRows(paths_.nodes()) *= w.slope;
}

void UnknownAttenuationXRay::push(const Block& dtheta, Block& dy, Workspace& w) const {
    const Index n = paths_.nodes();
    w.split.topRows(n) = dtheta.topRows(n);
    w.split.bottomRows(n) = dtheta.bottomRows(n) * w.slope;
    paths_.interleave(w.split, kC, w.tangent);
    for_ranges(paths_.rays(), paths_.work(kC), [&](Index begin, Index end) {
        push_rays(paths_, w.field.data(), w.tangent.data(), dy.data(), begin, end);
    });
}

}  // namespace m4dl
