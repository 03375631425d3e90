// Any prior at run time: one virtual call per block.
#pragma once

#include <functional>
#include <memory>

#include "m4dl/prior/concept.hpp"

namespace m4dl {

class AnyPrior {
public:
    struct Work {
        virtual ~Work() = default;
        virtual void push(const Block& xi, Block& theta) = 0;
        virtual void pull(const Block& dtheta, Block& dxi) = 0;
        virtual void tangent(const Block& dxi, Block& dtheta) = 0;
    };

    template <WhiteNoiseMap P>
    explicit AnyPrior(std::shared_ptr<const P> prior)
        : white_(prior->white()),
          parameters_(prior->parameters()),
          make_work_([prior] { return std::make_unique<AtWork<P>>(prior); }) {}

    Index white() const { return white_; }
    Index parameters() const { return parameters_; }
    std::unique_ptr<Work> work() const { return make_work_(); }

private:
    template <class P>
    struct AtWork final : Work {
        explicit AtWork(std::shared_ptr<const P> p)
            : prior(std::move(p)), workspace(prior->workspace()) {}
        void push(const Block& xi, Block& theta) override { prior->push(xi, theta, workspace); }
        void pull(const Block& dtheta, Block& dxi) override { prior->pull(dtheta, dxi, workspace); }
        void tangent(const Block& dxi, Block& dtheta) override {
            prior->tangent(dxi, dtheta, workspace);
        }
        std::shared_ptr<const P> prior;
        typename P::Workspace workspace;
    };

    Index white_, parameters_;
    std::function<std::unique_ptr<Work>()> make_work_;
};

}  // namespace m4dl
