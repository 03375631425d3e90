// Attenuated X-ray transform of a source f in a medium with attenuation a:
//     I_a f (x, v) = int_0^tau f(x + t v) exp(-int_t^tau a(x + s v) ds) dt,
// what a detector at the exit of the ray measures (emission tomography). The optical depth obeys
// L' = a against the ray, and both integrals are the Gauss collocation method with two stages, of
// order 4 (Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, II.7).
#pragma once

#include "m4dl/model/linear.hpp"
#include "m4dl/model/paths.hpp"
#include "m4dl/solve/link.hpp"

namespace m4dl {

// The attenuation known, at the points of the paths: linear in f.
class AttenuatedXRay : public SparseLinearModel {
public:
    AttenuatedXRay(const Paths& paths, const Vector& attenuation)
        : SparseLinearModel(paths.integrals(weights(paths, attenuation))) {}

private:
    static std::vector<double> weights(const Paths& paths, const Vector& attenuation);
};

// The attenuation unknown too: theta = (f, psi), nodes values each, a = link(psi) at the nodes.
class UnknownAttenuationXRay {
public:
    static constexpr int kComponents = 2;
    struct Workspace {
        Block split, field, tangent;  // (f, a), field and tangent interleaved
        Block psi, slope, a;
        Block y;
    };

    UnknownAttenuationXRay(Paths paths, Link link) : paths_(std::move(paths)), link_(link) {}

    Index parameters() const { return kComponents * paths_.nodes(); }
    Index outputs() const { return paths_.rays(); }
    Workspace workspace(Chains) const {
        const Index n = paths_.nodes();
        return {zeros(parameters()),
                zeros(parameters()),
                zeros(parameters()),
                zeros(n),
                zeros(n),
                zeros(n),
                zeros(outputs())};
    }
    void forward(const Block& theta, Block& y, Workspace& w) const;
    void pull(const Block& dy, Block& dtheta, Workspace& w) const;
    void push(const Block& dtheta, Block& dy, Workspace& w) const;

private:
    Paths paths_;
    Link link_;
};

static_assert(ForwardModel<AttenuatedXRay> && HasPull<AttenuatedXRay>);
static_assert(ForwardModel<UnknownAttenuationXRay> && HasPull<UnknownAttenuationXRay> &&
              HasPush<UnknownAttenuationXRay>);

}  // namespace m4dl
