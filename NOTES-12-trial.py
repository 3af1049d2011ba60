import time, torch, sys, statistics, collections, random
from torch import nn
import torch.nn.functional as F
import data.build.one_model as m
torch.set_num_threads(1)
L = m.definitions("12_one_model.ipynb", also=("setup","clips","run-none",*m.BEGIN,*[c for c in m.LIVE]))
from helpers import questions, scenes
opts=dict(a.split("=") for a in sys.argv[1:]); name=opts.pop("name")
K_=int(opts.get("k","1")); NW=opts.get("where","1")=="1"; ST=opts.get("sound","1")=="1"; TP=opts.get("places","1")=="1"; TW=opts.get("tags","1")=="1"
if opts.get("last")=="1":
    def prompt(self,p): return [self.number["<ask>"],*self.encode(p)] if p else [self.number["<caption>"]]
    L.Texts.prompt=prompt
import re
def encode(self,text):
    ws=re.findall(r"<place \d+>|\S+",text); return [self.number[w] for w in ws]
L.Texts.encode=encode
L.menu=L.menu_of(L.known,L.asked,L.written)
if NW:
    for sc,d in zip(L.known,L.menu):
        nn_=[t.noun for t in sc.things]
        d.where=[L.written.row(f"where is the {t.noun}",L.place_word(t)) for t in sc.things if nn_.count(t.noun)==1]
    if opts.get("what")=="1":
        for sc,d in zip(L.known,L.menu):
            d.what=[L.written.row(f"what is there {w}",t.noun) for t in sc.things for w in dict.fromkeys((L.place_word(t),*L.places_in(t)))]
    orig=L.serving
    def serving(dish,rng,count):
        w=rng.choices(dish.where,k=K_) if dish.where else []
        if opts.get("what")=="1": w=w+rng.choices(dish.what,k=K_)
        noun,rows=orig(dish,rng,count-len(w))
        return noun, rows+w
    L.serving=serving
    if opts.get("only")=="1":
        def only(dish,rng,count):
            noun=rng.choice(list(dish.present)) if dish.present else None
            rows=[dish.present[noun].where, rng.choice(dish.present[noun].known)] if noun else []
            w=dish.where or dish.questions
            n=count-len(rows)
            if opts.get("what")=="1": return noun, rows+rng.choices(w,k=n//2)+rng.choices(dish.what,k=n-n//2)
            return noun, rows+rng.choices(w,k=n)
        L.serving=only
L.texts=L.written.tensors()
nouns=[L.cut[n][0] for n in L.known_names]
NI=torch.tensor([L.vocabulary.index(n) for n in L.NOUNS])
if ST:
    def tt(x, shown, channels, epochs=8, hidden=160):
        t=L.Tagger(channels,hidden); o=torch.optim.AdamW(t.parameters(),5e-3)
        for e in range(epochs):
            for b in torch.randperm(len(x)).split(128):
                lg=t.tags(x[b].float()); loss=F.binary_cross_entropy_with_logits((lg.softmax(1)*lg).sum(1),shown[b]); o.zero_grad(); loss.backward(); o.step()
        return t
    shown=torch.tensor([[float(k==n) for k in L.NOUNS] for n in nouns]).repeat_interleave(L.pool.shape[1],0)
    st=tt(L.pool.flatten(0,1),shown,256)
    with torch.no_grad():
        L.pool=torch.cat([st(x.float()).half()[None] for x in L.pool]); L.held_out=st(L.held_out.float()); L.unheard_clips=st(L.unheard_clips.float())
    L.EXAMS={k:(a,L.unheard_clips if k=="_unheard" else L.held_out,c) for k,(a,b,c) in L.EXAMS.items()}
if "oracle" in opts:
    def orc(some):
        x=torch.zeros(len(some),36,232)
        for i,sc in enumerate(some):
            for t in sc.things:
                k=int(L.place_word(t)[7:-1]); n=192+L.NOUNS.index(t.noun)
                if opts["oracle"]=="box": x[i,scenes.inside([t.box],6)[0],n]=3
                x[i,k,n]=3
        return x
    L.places=orc(L.known); L.test_places["test"]=orc(L.tests["test"])
STD=float(opts.get("std",".1"))
class M(L.OneModel):
    def __init__(self,n,seen,**k):
        super().__init__(n,seen,heard=296 if ST else 256,**k)
        nn.init.normal_(self.embed.weight,std=STD); nn.init.normal_(self.position,std=STD); self.see.weight.data*=float(opts.get("seen","1")); self.hear.weight.data*=float(opts.get("seen","1"))
    def read(self, places, sound, heard):
        x=self.see(places)
        if TW: x=x+places[...,192:]/3@self.embed.weight[NI]
        if TP: x=x+self.embed.weight[-36:]
        else: x=x+self.position[:36]
        s=self.hear(sound)
        if ST and TW: s=s+sound[...,256:]/3@self.embed.weight[NI]
        s=torch.where(heard[:,None,None],s,self.silence.to(s.dtype))+self.position[36:51]
        return torch.cat([x,s],1)
    def forward(self, places, sound, heard, tokens, at, number):
        words=self.embed(tokens)+self.position[self.prefix+at]
        if opts.get("stok")=="1":
            v=(sound[...,256:].amax(1)/3)@self.embed.weight[NI]
            on=((tokens==HID)|(tokens==SID))&heard[:,None]
            words=words+on[...,None]*v[:,None]
        x,mask=torch.cat([self.read(places,sound,heard),words],1),L.mask_of(number,self.prefix)
        for b in self.blocks: x,_=b(x,mask)
        return self.logits(x[:,self.prefix:])
HID,SID=L.vocabulary.index("hear"),L.vocabulary.index("sound")
L.OneModel=M
if opts.get('noclip')=='1': nn.utils.clip_grad_norm_=lambda *a,**k: None
if opts.get('one')=='1':
    L.menu=[d for d,sc in zip(L.menu,L.known) if len(sc.things)<=2]; keep_=[i for i,sc in enumerate(L.known) if len(sc.things)<=2]; L.places=L.places[keep_]; L.known=[L.known[i] for i in keep_]
if opts.get("qk")=="1":
    B0=L.Block
    class B(B0):
        def __init__(self,w,h):
            super().__init__(w,h); W=self.qkv.weight.data; g=float(opts.get("gain","1")); W[:2*w]*=g; W[w:2*w]=W[:w]
    L.Block=B
if opts.get("muon")=="1":
    class Two:
        def __init__(self,net,c):
            mats=[p for n,p in net.named_parameters() if n.startswith("blocks") and p.ndim==2]; ids={id(p) for p in mats}
            self.o=[torch.optim.Muon(mats,lr=c.lr,weight_decay=.02,adjust_lr_fn="match_rms_adamw"), torch.optim.AdamW([p for p in net.parameters() if id(p) not in ids],c.lr,betas=(.9,.95),weight_decay=.02)]
            self.mul=float(opts.get("mlr","1"))
        @property
        def param_groups(self): 
            s=self
            class G(dict):
                def __setitem__(g,k,v):
                    for o in s.o:
                        for q in o.param_groups: q[k]=v*(s.mul if o is s.o[0] else 1)
            return [G()]
        def zero_grad(self): [o.zero_grad() for o in self.o]
        def step(self): [o.step() for o in self.o]
    bg=L.begin
    def begin(c,n,s):
        st=bg(c,n,s); st.optimizer=Two(st.network,c); return st
    L.begin=begin
c=L.EasyDict(L.live_config); c.update({k:eval(v) for k,v in opts.items() if k in("steps","lr","texts","batch_size","layers","width","heads")}); c.round=c.steps//2
noun_of={clip:n for n,own in L.clips_of.items() for clip in own}
def by_name(some): return [i._replace(prompt=i.prompt.replace("what you hear",f"the {noun_of[i.sound]}"),sound=None) for i in some]
t=time.process_time(); s=L.begin(c,len(L.vocabulary),L.places.shape[2])
for until in (c.steps//2,c.steps):
    L.train(s,c,until); tr=time.process_time()-t
    it=dict(L.items); it["named"]=by_name(L.items["two_step"]); it["questions"]=it["questions"][:1500]
    it["where_named"]=[L.Item(i.scene,None,f"where is the {noun_of[i.sound]}",i.answer,i.right) for i in L.items["sound_pointed"]]
    sh=L.shares(it,L.answers_by_task(s.network,L.test_places["test"],L.held_out,it))
    print("RES",name,opts,until,f"{tr:.0f}s",{k:round(v,3) for k,v in sh.items()},flush=True)
tr_items=[L.Item(i,None,f"where is the {t.noun}",L.place_word(t),L.places_in(t)) for i,sc in enumerate(L.known[:400]+L.known[-200:]) for t in sc.things if [u.noun for u in sc.things].count(t.noun)==1]
pl=torch.cat([L.places[:400],L.places[-200:]])
sh=L.shares({"t":tr_items},{"t":L.answers_of(s.network,pl,L.held_out,tr_items)}); print("RES train where_named",sh,len(tr_items), "exact", statistics.fmean(a==i.answer for a,i in zip(L.answers_of(s.network,pl,L.held_out,tr_items),tr_items)), "loss",L.losses_of(s.network,pl,L.held_out,tr_items).mean().item())
te=it["where_named"]; print("RES test loss",L.losses_of(s.network,L.test_places["test"],L.held_out,te).mean().item(), "exact", statistics.fmean(a==i.answer for a,i in zip(L.answers_of(s.network,L.test_places["test"],L.held_out,te),te)))
by=collections.defaultdict(list)
for a,i in zip(L.answers_of(s.network,L.test_places["test"],L.held_out,te),te):
    sc=L.tests["test"][i.scene]; by[len(sc.things)].append(a in (i.right or (i.answer,))); by[len(sc.things),"any"].append(any(a in L.places_in(t) or a==L.place_word(t) for t in sc.things))
print("RES",{k:(round(statistics.fmean(v),2),len(v)) for k,v in by.items()})
from collections import Counter
print("RES",[ (a,i.answer,i.prompt) for a,i in list(zip(L.answers_of(s.network,L.test_places["test"],L.held_out,te),te))[:12]])
