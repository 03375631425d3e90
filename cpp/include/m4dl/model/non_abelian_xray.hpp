// Non-Abelian X-ray transform: along each ray the matrix field Phi(x) turns a frame,
//     U' + Phi(x + t v) U = 0,  U(tau) = Id,  and the datum is C = U(0),
// the scattering data of Phi (Monard, Nickl, Paternain, Comm. Pure Appl. Math. 74, 2021, sec. 1).
// The fourth-order Magnus method takes a step of width h, from the exit to the entry, with the values
// A1, A2 at its Gauss points: U := exp(h/2 (A1 + A2) + sqrt(3)/12 h^2 [A2, A1]) U, and stays in the
// group (Iserles, Munthe-Kaas, Norsett, Zanna, Acta Numerica 9, 2000, sec. 5).
#pragma once

#include <memory>

#include "m4dl/model/concept.hpp"
#include "m4dl/model/paths.hpp"

namespace m4dl {

class NonAbelianXRay {
public:
    enum class Group {
        kSo3,  // theta = (a1, a2, a3), Phi v = a x v; data: the 9 entries of C by rows
        kSu2,  // Phi = -i/2 (a1 sigma1 + a2 sigma2 + a3 sigma3); the 4 complex entries, re and im
        kSoN   // Phi_ji = -Phi_ij = theta_c for the pairs i < j by rows; the n^2 entries
    };
    static constexpr Index kLargest = 5;  // n

    // `n` for kSoN: from 2 to kLargest.
    NonAbelianXRay(Paths paths, Group group, Index n);

    // The transforms of one group over ranges of rays; the adjoint, which adds to the field, over all.
    struct Transforms {
        Index components, outputs;  // of the field, and of each ray

        Transforms(Index c, Index m) : components(c), outputs(m) {}
        virtual ~Transforms() = default;
        virtual void forward(const Paths& paths, const double* field, double* y, Index begin,
                             Index end) = 0;
        virtual void pull(const Paths& paths, const double* field, const double* y,
                          const double* dy, double* dfield) = 0;
        virtual void push(const Paths& paths, const double* field, const double* y,
                          const double* dfield, double* dy, Index begin, Index end) = 0;
    };

    // Fields are interleaved. Frames are not stored: derivatives of a ray want its field and its end.
    struct Workspace {
        Block field, tangent, y;
    };

    Index parameters() const { return transforms_->components * paths_.nodes(); }
    Index outputs() const { return transforms_->outputs * paths_.rays(); }
    Workspace workspace(Chains) const {
        return {zeros(parameters()), zeros(parameters()), zeros(outputs())};
    }
    void forward(const Block& theta, Block& y, Workspace& w) const;
    void pull(const Block& dy, Block& dtheta, Workspace& w) const;
    void push(const Block& dtheta, Block& dy, Workspace& w) const;

private:
    Paths paths_;
    std::shared_ptr<Transforms> transforms_;
};

static_assert(ForwardModel<NonAbelianXRay> && HasPull<NonAbelianXRay> && HasPush<NonAbelianXRay>);

}  // namespace m4dl
